from __future__ import annotations

import json
import platform

import torch

from autotl import __version__
from autotl.study.environment import describe_environment


def test_versions_and_hardware_in_plain_values() -> None:
    found = describe_environment(torch.device("cpu"))
    assert json.loads(json.dumps(found)) == found
    assert (found["autotl"], found["python"], found["device"]) == (__version__, platform.python_version(), "cpu")
    assert found["torch"] == torch.__version__.split("+")[0] or torch.__version__.startswith(found["torch"])
    assert found["cores"] >= 1
    assert found["device_name"] == found["processor"]
