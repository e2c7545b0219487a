"""Which pictures are read, told by their first bytes; and how large their headers say they are.

`docs/input.md` shows the table to users.
"""

from __future__ import annotations

import dataclasses
import re
import struct

from tfds_builders import png_chunks
from tfds_builders.exif import read_tags

# Above it a picture is read at half its size: decoding then holds at most 800 MB for a moment.
LARGEST_PIXELS_UNREDUCED = 80_000_000
# The largest of all formats: a phone's camera of 200 megapixels.
LARGEST_PIXELS = 210_000_000
# In TensorFlow decoding and resizing take 15 bytes a pixel for a moment: 375 MB.
LARGEST_PIXELS_IN_GRAPH = 25_000_000
# What a TIFF may unpack to, and what a JPEG of several passes may have to keep.
LARGEST_UNPACKED_BYTES = 240_000_000
LARGEST_COEFFICIENT_BYTES = 700_000_000
# As many as tell every format.
HEAD_BYTES = 512


@dataclasses.dataclass(frozen=True)
class PictureFormat:
    """A format that pictures may have.

    Attributes:
        starts: Regular expression of its first bytes.
        suffixes: How names of its files end, in lower case; a file is read by its content.
        largest_pixels: More are refused before they are decoded.
        in_graph: Whether the TensorFlow decoder reads it, too.

    >>> FORMATS['JPEG'].suffixes
    ('.jpg', '.jpeg', '.jpe', '.jfif')
    """

    starts: bytes
    suffixes: tuple[str, ...]
    largest_pixels: int = LARGEST_PIXELS_UNREDUCED
    in_graph: bool = False


# By Pillow's name. It knows fifty more, and hands some of them to other programs. OpenJPEG, libavif
# and libheif take up to 16 bytes a pixel.
FORMATS = {
    'JPEG': PictureFormat(
        rb'\xff\xd8\xff', ('.jpg', '.jpeg', '.jpe', '.jfif'), LARGEST_PIXELS, in_graph=True
    ),
    'PNG': PictureFormat(rb'\x89PNG\r\n\x1a\n', ('.png', '.apng'), LARGEST_PIXELS, in_graph=True),
    'WEBP': PictureFormat(rb'RIFF....WEBP', ('.webp',), in_graph=True),
    'GIF': PictureFormat(rb'GIF8[79]a', ('.gif',)),
    'BMP': PictureFormat(rb'BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0', ('.bmp', '.dib')),
    'TIFF': PictureFormat(rb'II[\x2a\x2b]\0|MM\0[\x2a\x2b]', ('.tif', '.tiff')),
    'JPEG2000': PictureFormat(
        rb'\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51',
        ('.jp2', '.j2k', '.jpf', '.jpx', '.j2c'),
        25_000_000,
    ),
    'AVIF': PictureFormat(rb'.{4}ftypavi[fs]', ('.avif', '.avifs'), 50_000_000),
    'HEIF': PictureFormat(
        rb'.{4}ftyp(?:he[iv][cxms]|mif1|msf1|heif)', ('.heic', '.heif', '.hif'), 50_000_000
    ),
}
IMAGE_SUFFIXES = tuple(suffix for known in FORMATS.values() for suffix in known.suffixes)
# What is told by name to whoever gives it for a picture.
_OTHERS = {
    rb'\0\0\x01\0': 'an icon',
    rb'8BPS': 'a file of Photoshop',
    rb'%PDF': 'a PDF document',
    rb'%!PS|\xc5\xd0\xd3\xc6': 'a PostScript drawing',
    rb'\s*<(?:\?xml|svg)': 'a drawing of lines (SVG or XML)',
    rb'(?i)\s*<(?:!doctype )?html': 'a web page',
    rb'PK\x03\x04': 'a zip file or an office document',
    rb'Rar!|7z\xbc\xaf|\x1f\x8b': 'a packed archive',
    rb'\xff\x0a|\0\0\0\x0cJXL ': 'a JPEG XL picture',
    rb'\xd0\xcf\x11\xe0': 'an older office document, or a list of thumbnails',
    rb'\0\x05\x16\x07': 'what macOS keeps beside a file, not the file itself',
    rb'version https://git-lfs': 'a pointer of Git LFS; fetch the file by: git lfs pull',
}
_VIDEOS = (
    rb'.{4}(?:ftyp|moov|mdat|wide|free)|\x1aE\xdf\xa3|RIFF....AVI |\x30\x26\xb2\x75\x8e\x66\xcf\x11'
    rb'|FLV\x01|\0\0\x01[\xb3\xba]|OggS|(?:\x47.{187}){2}\x47|.{4}\x47.{191}\x47'
)
# By its type of colours.
_CHANNELS_OF_PNG = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Bytes that one of zlib's can stand for.
_MOST_DEFLATED = 1040
# By the packing of a TIFF file; where nothing is packed, colours may have half the resolution.
_MOST_UNPACKED_TIFF = {1: 2, 5: 4096, 8: _MOST_DEFLATED, 32773: 64, 32946: _MOST_DEFLATED}
# Of JPEG, but for stuffed bytes and the marks of restarts, which are part of a scan.
_MARKER = re.compile(rb'\xff+([^\x00\xff\xd0-\xd7])', re.DOTALL)


def find_format(head: bytes) -> str | None:
    """The key of `FORMATS` of a file that begins so; None for another one.

    >>> find_format(b'GIF89a'), find_format(b'%PDF-1.7')
    ('GIF', None)
    """
    for name, known in FORMATS.items():
        if re.match(known.starts, head, re.DOTALL):
            return name
    return None


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is a video, or sound in such a file.

    >>> is_video(b'....ftypisom'), is_video(b'....ftypavif')
    (True, False)
    """
    return find_format(head) is None and re.match(_VIDEOS, head, re.DOTALL) is not None


def describe_other(head: bytes) -> str:
    """What a file is that is none of `FORMATS`; empty where its first bytes do not say.

    >>> describe_other(b'%PDF-1.7')
    'a PDF document'
    """
    if is_video(head):
        return 'a video'
    found = (name for start, name in _OTHERS.items() if re.match(start, head, re.DOTALL))
    return next(found, '')


@dataclasses.dataclass(frozen=True)
class Header:
    """What the header of a file says; nothing is unpacked for it.

    Attributes:
        width: Pixels, as stored.
        height: Pixels, as stored.
        is_animated: Whether more frames follow.
        kept_bytes: That must be held to decode it, where that is more than its pixels.
        least_bytes: That a whole file of this size has at the very least.
        is_regular: Whether nothing in it is read by some decoders only.
        depth: Bits of a channel, where the format has a choice.
        is_cut: Whether its end is missing, as the file itself says.

    >>> Header(4, 3).pixels
    12
    """

    width: int
    height: int
    is_animated: bool = False
    kept_bytes: int = 0
    least_bytes: int = 0
    is_regular: bool = True
    depth: int = 8
    is_cut: bool = False

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def read_header(kind: str, data: bytes) -> Header | None:
    """The header of a JPEG, PNG, WebP or TIFF file; None where it has none, or for other formats.

    Args:
        kind: A key of `FORMATS`.
        data: The whole file.
    """
    parsers = {'JPEG': _jpeg, 'PNG': _png, 'WEBP': _webp, 'TIFF': _tiff}
    try:
        return parsers[kind](data) if kind in parsers else None
    except (struct.error, IndexError):
        return None


def _png(data: bytes) -> Header:
    width, height, depth, colours = struct.unpack_from('>IIBB', data, 16)
    bits = width * depth * _CHANNELS_OF_PNG.get(colours, 1)
    least = height * (1 + bits // 8) // _MOST_DEFLATED
    chunks = list(png_chunks.walk(data))
    last = chunks[-1]
    return Header(
        width,
        height,
        any(chunk.name == b'acTL' for chunk in chunks),
        least_bytes=least,
        # OpenCV does not look at the checksum of the end.
        is_regular=data[last.start : last.end] == png_chunks.END,
        depth=depth,
        is_cut=last.name != b'IEND' or last.end > len(data),
    )


def _webp(data: bytes) -> Header:
    """Width and height by RFC 9649, sections 2.5 to 2.7 and 3.4."""
    chunk = data[12:16]
    if chunk == b'VP8X':
        width, height = (int.from_bytes(data[i : i + 3], 'little') + 1 for i in (24, 27))
        return Header(width, height, bool(data[20] & 2))
    if chunk == b'VP8L':
        packed = struct.unpack_from('<I', data, 21)[0]
        return Header((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
    width, height = struct.unpack_from('<HH', data, 26)
    return Header(width & 0x3FFF, height & 0x3FFF)


def _tiff(data: bytes) -> Header | None:
    tags = read_tags(data)
    if 256 not in tags or 257 not in tags:
        return None
    width, height = tags[256][0], tags[257][0]
    samples = tags.get(277, [1])[0]
    kept = width * height * samples * max(tags.get(258, [1])) // 8
    most = _MOST_UNPACKED_TIFF.get(tags.get(259, [1])[0])
    return Header(width, height, kept_bytes=kept, least_bytes=kept // most if most else 0)


def is_deep_tiff(data: bytes) -> bool:
    """Whether its samples are no whole numbers from 0, or have over 16 bits."""
    tags = read_tags(data)
    return max(tags.get(258, [1])) > 16 or any(kind in (2, 3) for kind in tags.get(339, [1]))


def is_fax(data: bytes) -> bool:
    """Whether a TIFF file is packed as faxes are (TIFF 6.0, sections 10 and 11)."""
    return read_tags(data).get(259, [1])[0] in (2, 3, 4)


def _jpeg(data: bytes) -> Header | None:
    """Walks the markers as libjpeg does (`next_marker` in jdmarker.c), so that both find one size.

    The shortest code of Huffman has one bit: a block of 8 x 8 takes two in a sequential file, and
    one in a progressive file.
    """
    position, size, components = 2, None, 0
    kept = blocks = 0
    is_progressive = False
    while True:
        position = data.find(b'\xff', position)
        if position < 0:
            return None
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker in (0x00, 0x01, *range(0xD0, 0xD8)):
            continue
        if marker in (0xD8, 0xD9):
            return None
        length = max(2, struct.unpack_from('>H', data, position)[0])
        if marker == 0xDA:
            break
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC):
            is_progressive = marker in (0xC2, 0xCA)
            height, width, components = struct.unpack_from('>HHB', data, position + 3)
            size = width, height
            factors = [data[position + 9 + 3 * i] for i in range(components)]
            blocks = _count_blocks(width, height, factors)
        position += length
    if size is None:
        return None
    has_more_scans = is_progressive or data[position + 2] < components
    if has_more_scans:
        kept = blocks * 64 * 2
    bits = blocks * (1 if is_progressive else 2)
    # Without Adobe's mark some decoders take the four inks for the reverse.
    is_regular = _has_scans_only(data, position, has_more_scans)
    is_regular &= components != 4 or b'Adobe\0' in data
    return Header(*size, kept_bytes=kept, least_bytes=bits // 8, is_regular=is_regular)


def _has_scans_only(data: bytes, position: int, has_more_scans: bool) -> bool:
    """Whether after the first scan come other scans, what these need, and the marker of the end.

    Where the first scan has all components and all their bits there must be no other.
    """
    while found := _MARKER.search(data, position):
        marker, position = found[1][0], found.end()
        if marker == 0xD9:
            return True
        # Tables, intervals, scans, numbers of lines, comments, and blocks of applications.
        if marker not in (0xC4, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)):
            return False
        if marker == 0xDA and not has_more_scans:
            return False
        position += int.from_bytes(data[position : position + 2], 'big')
    return False


def _count_blocks(width: int, height: int, factors: list[int]) -> int:
    """Blocks of 8 x 8 of all components, from the bytes of their sampling factors."""
    across, down = [max(1, f >> 4) for f in factors], [max(1, f & 15) for f in factors]
    if not factors:
        return 0
    units = -(-width // (8 * max(across))) * -(-height // (8 * max(down)))
    return units * sum(a * d for a, d in zip(across, down, strict=True))
