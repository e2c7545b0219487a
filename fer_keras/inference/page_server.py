"""Serves the page to try a classifier."""

from __future__ import annotations

import ipaddress
import sys

import fer_keras
from fer_keras.errors import InvalidInputError


def serve_page(model: str, *, host: str, port: int, largest_upload_mb: int) -> None:
    """Serves the page until Ctrl-C, and prints its address.

    Args:
        model: What `fer_keras.load` takes.
        host: Address to listen on; 0.0.0.0 is everywhere.
        port: Port to listen on; 0: a free one.
        largest_upload_mb: Largest file that is taken, MB.

    Raises:
        InvalidInputError: There is no model, or the extra `app` is missing.
        MissingFileError: The model is not there.
    """
    if not model:
        raise InvalidInputError('A model is needed: --model=RUN, as trained by fer_keras.train.')
    try:
        from werkzeug.serving import make_server
    except ImportError as error:
        raise InvalidInputError('The page needs: pip install "fer_keras[app]"') from error
    predictor = fer_keras.load(model)
    # Behind `load`, which loads TensorFlow quietly.
    from fer_keras.inference.page import DemoPage

    page = DemoPage(predictor, largest_upload=largest_upload_mb * 2**20)
    server = make_server(host, port, page, threaded=True)
    # Port 0 has become a free one.
    print(f'Open http://{host}:{server.port} in a browser; Ctrl-C ends it.', flush=True)
    if not _is_loopback(host):
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
