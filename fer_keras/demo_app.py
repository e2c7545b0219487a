"""Opens a local page to try a trained classifier: `python -m fer_keras.demo_app --model=RUN`.

Drop a photo on it or use the camera: it shows boxes, probabilities, the saliency overlay and
Grad-CAM. Needs the extra `app`: `pip install "fer_keras[app]"`.
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.inference import DemoAppConfig
from fer_keras.pretrained.names import is_portable


def main(config: DemoAppConfig) -> None:
    """Serves the page until Ctrl-C."""
    from fer_keras.inference.page_server import serve_page

    serve_page(config)


if __name__ == '__main__':
    flags.start(main, DemoAppConfig, needs_tensorflow=lambda config: not is_portable(config.model))
