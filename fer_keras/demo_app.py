"""Opens a local page to try a trained classifier: `python -m fer_keras.demo_app --model=RUN`.

Drop a photo on it or use the camera: it shows boxes, probabilities, the saliency overlay and
Grad-CAM. Needs the extra `app`: `pip install -e '.[app]'`.
"""

from __future__ import annotations

import ipaddress
import sys

from werkzeug.serving import make_server

from fer_keras import flags
from fer_keras.inference.page import DemoPage
from fer_keras.inference.predictor import load


def main() -> None:
    """Serves the page until Ctrl-C."""
    options = flags.FLAGS
    if not options.model:
        raise ValueError('A model is needed: --model=RUN, as trained by fer_keras.train.')
    page = DemoPage(load(options.model), largest_upload=options.largest_upload_mb * 2**20)
    server = make_server(options.host, options.port, page, threaded=True)
    # Port 0 has become a free one.
    print(f'Open http://{options.host}:{server.port} in a browser; Ctrl-C ends it.', flush=True)
    if not _is_loopback(options.host):
        print('Everyone who can reach this machine can use the page.', file=sys.stderr)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


if __name__ == '__main__':
    flags.define_demo_app()
    flags.start(main)
