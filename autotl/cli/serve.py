"""autotl serve: a search's report in the browser, up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autotl.cli.look_options import Colours, MaxImages, Spoken, Thumbnails, Title
from autotl.cli.storage_option import Storage
from autotl.report.language import Language
from autotl.report.look import Look, Theme


def serve(
    out: Annotated[Path, typer.Argument(help="The out folder of a search.", show_default=False)],
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes one that is free.", min=0, max=65535)] = 8700,
    storage: Storage = None,
    title: Title = None,
    theme: Colours = Theme.AUTO,
    language: Spoken = Language.EN,
    max_images: MaxImages = None,
    thumbnails: Thumbnails = "on",
) -> None:
    """Show the report of a search to this machine's browser; it updates itself while the search runs. Ctrl-C ends it.

    Examples:
      autotl serve reports/blood-cells

      autotl serve reports/blood-cells --port 9000

      autotl serve reports/blood-cells --lang zh --theme dark
    """
    from autotl.core.errors import ConfigError
    from autotl.report.html import render
    from autotl.report.live import HOST, ReportServer
    from autotl.report.summary import summarize_study
    from autotl.study.recommend import recommend
    from autotl.study.storage import open_out

    look = Look(title=title, theme=theme, language=language, max_images=max_images, thumbnails=thumbnails == "on")
    study = open_out(out, storage)

    def page(version: str) -> str:
        return render(summarize_study(study, recommend(study.ledger)), look, version)

    try:
        server = ReportServer(port, study.ledger.version, page)
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror} on {HOST}; give another one, or 0 for any") from error
    typer.echo(f"{out}: {server.url} (Ctrl-C ends it)")
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("")
