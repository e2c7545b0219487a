"""Serves the page to try a classifier."""

from __future__ import annotations

import ipaddress
import sys
import threading

from fer_keras.config.inference import DemoAppConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.predictor import load, note_detector


def serve_page(config: DemoAppConfig) -> None:
    """Serves the page until Ctrl-C, and prints its address.

    Raises:
        InvalidInputError: The extra `app` is missing, or the file of the detector.
        MissingFileError: The model is not there.
    """
    try:
        from werkzeug.serving import make_server

        from fer_keras.inference.page import DemoPage
    except ImportError as error:
        raise InvalidInputError('The page needs: pip install "fer_keras[app]"') from error
    predictor = load(config.model, detector=config.detector)
    for note in note_detector(predictor):
        print(f'note: {note}', file=sys.stderr)
    page = DemoPage(predictor, largest_upload=config.largest_upload_mb * 2**20)
    server = make_server(config.host, config.port, page, threaded=True)
    # While the page is loading; a daemon, of which Ctrl-C need not wait for all steps.
    threading.Thread(target=page.warm_up, daemon=True).start()
    # Port 0 has become a free one.
    print(f'Open http://{config.host}:{server.port} in a browser; Ctrl-C ends it.', flush=True)
    if not _is_loopback(config.host):
        print('Everyone who can reach this machine can use the page.', file=sys.stderr)
    try:
        # It returns after Ctrl-C.
        server.serve_forever()
    finally:
        page.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'
