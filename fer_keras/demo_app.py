"""Opens a local page to try a trained classifier: `python -m fer_keras.demo_app --model=RUN`.

Drop a photo on it or use the camera: it shows boxes, probabilities, the saliency overlay and
Grad-CAM. Needs the extra `app`: `pip install -e '.[app]'`.
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.inference.page_server import serve_page


def main() -> None:
    """Serves the page until Ctrl-C."""
    options = flags.FLAGS
    serve_page(
        options.model,
        host=options.host,
        port=options.port,
        largest_upload_mb=options.largest_upload_mb,
    )


if __name__ == '__main__':
    flags.define_demo_app()
    flags.start(main)
