"""The exceptions autotl raises on purpose. Everything else that is raised is a bug."""

from __future__ import annotations


class AutotlError(Exception):
    """Base of every expected error."""


class UserError(AutotlError):
    """The user's input is wrong; the message is one line that says what, where, the rule and the remedy."""


class ConfigError(UserError):
    """A search space, a strategy or a command-line option is wrong."""


class DatasetError(UserError):
    """A dataset cannot be used as it is."""


class WeightsError(UserError):
    """Pretrained weights cannot be had."""


class TrialError(AutotlError):
    """An expected failure of one trial; it is recorded with its reason and never becomes a score."""


class DivergedError(TrialError):
    """The loss stopped being finite."""


class OutOfMemoryError(TrialError):
    """The device had too little memory for the strategy."""
