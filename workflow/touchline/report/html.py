"""Pages from templates: every text is escaped by the template engine."""

from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).parents[2] / "report"


def render(template: str, content: dict) -> str:
    """Return a page; an error where the template asks for something that `content` lacks."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(content)
