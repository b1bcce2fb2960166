"""Where the browser of the API comes from: Swagger UI out of an installed package, and our page."""

from importlib.resources import files
from pathlib import Path

PAGES = Path(__file__).parent / "pages"
BUNDLE = Path(str(files("fastapi_swagger") / "resources"))
ASSETS = {
    "swagger-ui.css": (BUNDLE / "swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (BUNDLE / "swagger-ui-bundle.js", "text/javascript"),
    "start.js": (PAGES / "start.js", "text/javascript"),
}
