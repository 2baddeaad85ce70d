"""HTML pages rendered from Jinja templates in workflow/report, with every text escaped."""

import jinja2

from touchline.core.config import WORKFLOW

TEMPLATES = WORKFLOW / "report"


def render(template: str, content: dict) -> str:
    """Return a page; raise jinja2.UndefinedError for a name that `content` lacks."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(content)
