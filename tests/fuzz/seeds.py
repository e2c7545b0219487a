"""Small whole files of every kind that is read: what the fuzzing starts from."""

from __future__ import annotations

import functools
import io
import os
import tempfile

import av
import cv2
import numpy as np
import pillow_heif
from PIL import Image, PngImagePlugin, features

from tfds_builders.expressions import BASIC

_HEIGHT_PX, _WIDTH_PX = 20, 28
_FRAMES = 8


def _photo(seed: int = 0) -> np.ndarray:
    """uint8 `[20, 28, 3]`, RGB: a gradient with noise."""
    rows, columns = np.mgrid[:_HEIGHT_PX, :_WIDTH_PX]
    image = np.stack([8 * columns, 12 * rows, 4 * (rows + columns)], axis=-1)
    noise = np.random.default_rng(seed).integers(0, 30, image.shape)
    return np.minimum(image + noise, 255).astype(np.uint8)


def _encode(image: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(file, kind, **options)
    return file.getvalue()


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = 'a face'
    return exif.tobytes()


def _by_opencv(suffix: str, image: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, image, options)[1].tobytes()


def _palette_png(depth: int) -> bytes:
    image = Image.fromarray(_photo()).convert('P', palette=Image.Palette.ADAPTIVE, colors=2**depth)
    return _encode(image, 'PNG', bits=depth)


@functools.cache
def pictures() -> dict[str, bytes]:
    """By a name that ends in the usual suffix."""
    photo, grey = _photo(), _photo()[..., 0]
    rgb = Image.fromarray(photo)
    transparent = np.dstack([photo, grey])
    frames = {'save_all': True, 'append_images': [Image.fromarray(255 - photo)]}
    floats = grey.astype(np.float32) / 255
    with_text = PngImagePlugin.PngInfo()
    with_text.add_text('Comment', 'a face', zip=True)
    found = {
        'plain.jpg': _encode(photo, 'JPEG', quality=95),
        'turned.jpg': _encode(photo, 'JPEG', exif=_exif(6)),
        'mirrored.jfif': _encode(photo, 'JPEG', exif=_exif(5), comment=b'a face'),
        'progressive.jpg': _encode(photo, 'JPEG', progressive=True, subsampling=0),
        'restarts.jpg': _encode(photo, 'JPEG', restart_marker_blocks=1),
        'grey.jpg': _encode(grey, 'JPEG'),
        'cmyk.jpg': _encode(rgb.convert('CMYK'), 'JPEG'),
        'with_profile.jpg': _encode(photo, 'JPEG', icc_profile=bytes(range(256)), dpi=(72, 72)),
        'plain.png': _encode(photo, 'PNG'),
        'turned.png': _encode(photo, 'PNG', exif=_exif(8), pnginfo=with_text),
        'transparent.png': _encode(transparent, 'PNG'),
        'grey.png': _encode(grey, 'PNG'),
        'one_bit.png': _encode(Image.fromarray(grey).convert('1'), 'PNG'),
        'four_colours.png': _palette_png(2),
        'sixteen_colours.png': _palette_png(4),
        'deep.png': _by_opencv('.png', photo.astype(np.uint16) * 257),
        'deep_grey.png': _by_opencv('.png', grey.astype(np.uint16) * 257),
        'animated.png': _encode(photo, 'PNG', **frames),
        'lossy.webp': _encode(photo, 'WEBP', quality=80),
        'lossless.webp': _encode(transparent, 'WEBP', lossless=True),
        'turned.webp': _encode(photo, 'WEBP', exif=_exif(3)),
        'animated.webp': _encode(photo, 'WEBP', **frames),
        'plain.gif': _encode(photo, 'GIF'),
        'animated.gif': _encode(photo, 'GIF', **frames),
        'plain.bmp': _encode(photo, 'BMP'),
        'palette.bmp': _encode(rgb.convert('P'), 'BMP'),
        'plain.tif': _encode(photo, 'TIFF'),
        'turned.tif': _encode(photo, 'TIFF', exif=_exif(6), compression='tiff_lzw'),
        'jpeg.tif': _encode(photo, 'TIFF', compression='jpeg'),
        'deflated.tif': _encode(photo, 'TIFF', compression='tiff_adobe_deflate'),
        'packed.tif': _encode(grey, 'TIFF', compression='packbits'),
        'fax.tif': _encode(Image.fromarray(grey).convert('1'), 'TIFF', compression='group4'),
        'cmyk.tif': _encode(rgb.convert('CMYK'), 'TIFF'),
        'lab.tif': _encode(rgb.convert('LAB'), 'TIFF'),
        'deep.tif': _by_opencv('.tif', photo.astype(np.uint16) * 257),
        'float.tif': _by_opencv('.tif', floats),
        'float_colours.tif': _by_opencv('.tif', photo.astype(np.float32) / 255),
        'signed.tif': _encode(Image.fromarray(grey.astype(np.int32) - 99), 'TIFF'),
        'pages.tif': _encode(photo, 'TIFF', **frames),
        'plain.jp2': _encode(photo, 'JPEG2000'),
        'stream.j2k': _encode(photo, 'JPEG2000', no_jp2=True, irreversible=True),
    }
    if features.check('avif'):
        found['plain.avif'] = _encode(photo, 'AVIF', exif=_exif(6))
    pillow_heif.register_heif_opener()
    found['plain.heic'] = _encode(photo, 'HEIF')
    return found


def _video(suffix: str, codec: str, **options: str) -> bytes:
    # Without it Matroska's numbers are drawn anew each time.
    options = {'fflags': '+bitexact', **options}
    handle, path = tempfile.mkstemp(suffix)
    os.close(handle)
    try:
        with av.open(path, 'w', options=options) as container:
            stream = container.add_stream(codec, rate=25)
            stream.width = stream.height = 32
            stream.codec_context.thread_count = 1
            stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
            for number in range(_FRAMES):
                image = np.ascontiguousarray(np.resize(_photo(number), (32, 32, 3)))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, 'rgb24')))
            container.mux(stream.encode())
        with open(path, 'rb') as file:
            return file.read()
    finally:
        os.unlink(path)


@functools.cache
def videos() -> dict[str, bytes]:
    """By a name that ends in the usual suffix."""
    return {
        'h264.mp4': _video('.mp4', 'libx264', bf='0'),
        'mpeg4.mp4': _video('.mp4', 'mpeg4'),
        'fragments.mp4': _video('.mp4', 'mpeg4', movflags='frag_keyframe+empty_moov'),
        'mpeg4.mov': _video('.mov', 'mpeg4'),
        'h264.mkv': _video('.mkv', 'libx264'),
        'vp8.webm': _video('.webm', 'libvpx'),
        'mjpeg.avi': _video('.avi', 'mjpeg'),
        'wmv2.wmv': _video('.wmv', 'wmv2'),
        'flv.flv': _video('.flv', 'flv'),
        'mpeg1.mpg': _video('.mpg', 'mpeg1video'),
        'mpeg2.ts': _video('.ts', 'mpeg2video'),
        'mpeg4.3gp': _video('.3gp', 'mpeg4'),
    }


def _csv(*rows: object) -> bytes:
    return ''.join(','.join(map(str, row)) + '\n' for row in rows).encode()


@functools.cache
def tables() -> dict[str, bytes]:
    """By the name that tells which reader is asked."""
    pixels = [' '.join(str((i * k) % 256) for i in range(48 * 48)) for k in (1, 2, 3)]
    usages = ('Training', 'PublicTest', 'PrivateTest')
    few = BASIC[:4]
    human = [(name, *(8 if name == other else 1 for other in few)) for name in few]
    predicted = [
        (
            f'p{i}_{name}.png',
            f'p{i}',
            name,
            few[i % 4],
            *(0.7 if j == i % 4 else 0.1 for j in range(4)),
        )
        for i, name in enumerate((*few, *few))
    ]
    columns = [f'p_{name}' for name in few]
    return {
        'fer2013.csv': _csv(
            ('emotion', 'pixels', 'Usage'), *zip((0, 3, 6), pixels, usages, strict=True)
        ),
        'icml_face_data.csv': _csv(
            ('emotion', ' Usage', ' pixels'), *zip((0, 3, 6), usages, pixels, strict=True)
        ),
        'subjects.csv': _csv(
            ('subject_id', 'gender', 'group', 'age'),
            ('01', 'f', 'A', 23),
            ('02', 'm', 'B', 31),
            ('anna', 'f', '', ''),
        ),  # fmt: skip
        'human.csv': _csv(('true', *few), *human),
        'predictions.csv': _csv(
            ('file_name', 'subject_id', 'label', 'predicted', *columns), *predicted
        ),
    }
