"""Makes the golden values of pkg/skinattn/imaging with the libraries that it follows.

    python3.11 -m venv venv && venv/bin/pip install -r tools/golden/requirements-keras.txt
    venv/bin/python tools/golden/imaging/make.py [FOLDER]    (default pkg/skinattn/imaging/testdata)

Every picture is made here from a formula; none is a photo. The folder gets
golden.json, which lists the cases, and the files that it names: pictures to be
decoded, .rgb files (decoded pixels, uint8 [height][width][3]) and .f32 files
(little-endian float32).
"""

import io
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import cv2
import keras
import numpy as np
import PIL
import tensorflow as tf
from PIL import Image, ImageOps

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "pkg/skinattn/imaging/testdata")


def pattern(width, height):
    """The test picture; pattern() in the Go tests is the same formula."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((3 * x * x + 5 * y * y + 7 * x * y + 41 * c * (x + 1)) % 256).astype(np.uint8)


def lesion(width, height):
    """A smooth picture with coloured edges, so that a JPEG of it is small."""
    y, x = np.mgrid[0:height, 0:width]
    r = np.hypot((x - width / 2) / width, (y - height / 2) / height)
    skin = np.stack([230 - 40 * x / width, 170 + 20 * y / height, 150 + 0 * x], axis=-1)
    spot = np.stack([120 - 60 * y / height, 60 + 0 * x, 40 + 90 * x / width], axis=-1)
    return np.where((r < 0.3)[..., None], spot, skin).astype(np.uint8)


def write(name, data):
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(data)
    return name


def write_rgb(name, pixels):
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
    return write(name, pixels.tobytes())


def resize_cases():
    cases = []
    shapes = [  # (width, height) of the source, (height, width) of the target, step
        ("landscape", (60, 45), (24, 24), 1),
        ("portrait", (45, 60), (24, 24), 1),
        ("square", (40, 40), (24, 24), 1),
        ("odd", (37, 53), (31, 17), 1),
        ("wide-target", (30, 40), (10, 24), 1),
        ("up", (9, 7), (24, 20), 1),
        ("up-portrait", (3, 8), (17, 17), 1),
        ("far-down", (199, 149), (9, 9), 1),
        ("unchanged", (16, 16), (16, 16), 1),
        ("crop-only", (23, 16), (16, 16), 1),
        ("one-pixel", (1, 1), (5, 5), 1),
        ("one-column", (1, 9), (4, 4), 1),
        ("ham10000-224", (600, 450), (224, 224), 13),
        ("ham10000-299", (600, 450), (299, 299), 17),
        ("ham10000-331", (600, 450), (331, 331), 19),
        ("copy-224", (448, 336), (224, 224), 13),
    ]
    for name, (w, h), (th, tw), step in shapes:
        src = pattern(w, h)
        smart = keras.preprocessing.image.smart_resize(src.astype(np.float32), (th, tw), interpolation="bilinear")
        png = io.BytesIO()
        Image.fromarray(src).save(png, "PNG")
        stretch = keras.utils.img_to_array(keras.utils.load_img(io.BytesIO(png.getvalue()), target_size=(th, tw)))
        # smart_resize's crop, then TensorFlow's antialiased resize.
        crop_h, crop_w = max(1, min(h, int(w * th / tw))), max(1, min(w, int(h * tw / th)))
        top, left = (h - crop_h) // 2, (w - crop_w) // 2
        cropped = src[top:top + crop_h, left:left + crop_w].astype(np.float32)
        antialias = tf.image.resize(cropped, (th, tw), method="bilinear", antialias=True).numpy()
        for method, result in (("smart", smart), ("stretch", stretch), ("antialias", antialias)):
            result = np.asarray(result, dtype="<f4")[::step, ::step]
            cases.append({
                "name": name, "method": method, "width": w, "height": h,
                "target_height": th, "target_width": tw, "step": step,
                "want": write(f"{method}-{name}.f32", result.tobytes()),
            })
    return cases


def pillow_rgb(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def opencv_rgb(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def segments(jpeg):
    """The segments of a JPEG: marker, payload and the coded data behind it."""
    at, found = 2, []
    while jpeg[at + 1] != 0xD9:
        length = int.from_bytes(jpeg[at + 2:at + 4], "big")
        payload, at = jpeg[at + 4:at + 2 + length], at + 2 + length
        marker, start = jpeg[at - length - 1], at
        if marker == 0xDA:
            while jpeg[at] != 0xFF or jpeg[at + 1] == 0 or 0xD0 <= jpeg[at + 1] <= 0xD7:
                at += 1
        found.append((marker, payload, jpeg[start:at]))
    return found


def splice(size, components, app=b"", **kwargs):
    """A JPEG of components (identifier, horizontal and vertical sampling factor)
    that are coded one after the other, which Pillow cannot write: the scans and
    tables of grey JPEGs behind a common frame header."""
    h_max, v_max = (max(c[i] for c in components) for i in (1, 2))
    header, scans = bytes([8, *size[1].to_bytes(2, "big"), *size[0].to_bytes(2, "big"), len(components)]), b""

    def segment(marker, payload, data=b""):
        return bytes([0xFF, marker, *(len(payload) + 2).to_bytes(2, "big")]) + payload + data

    for i, (identifier, h, v) in enumerate(components):
        plane = lesion(-(-size[0] * h // h_max), -(-size[1] * v // v_max))[..., i % 3]
        buffer = io.BytesIO()
        Image.fromarray(plane).save(buffer, "JPEG", **kwargs)
        header += bytes([identifier, h << 4 | v, 0])
        for marker, payload, data in segments(buffer.getvalue()):
            if marker in (0xC0, 0xC2):
                frame = marker
            elif marker == 0xDA:
                scans += segment(marker, payload[:1] + bytes([identifier]) + payload[2:], data)
            elif marker == 0xDB and i == 0:
                app += segment(marker, payload)
            elif marker in (0xC4, 0xDD):
                scans += segment(marker, payload)
    return b"\xff\xd8" + app + segment(frame, header) + scans + b"\xff\xd9"


ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"  # and the transform


def decode_cases():
    cases = []

    def case(name, data, want, by, step=1, opencv=True):
        ext = "png" if data[:4] == b"\x89PNG" else "jpg"
        if opencv and ext == "jpg" and "cmyk" not in name and "ycck" not in name:  # inks: each library has its own way
            assert (want == opencv_rgb(data)).all(), name
        cases.append({
            "file": write(f"{name}.{ext}", data), "by": by, "step": step,
            "width": int(want.shape[1]), "height": int(want.shape[0]),
            "want": write_rgb(f"{name}.rgb", np.ascontiguousarray(want[:, ::step])),
        })

    def pillow(img, fmt, **kwargs):
        buffer = io.BytesIO()
        (img if isinstance(img, Image.Image) else Image.fromarray(img)).save(buffer, fmt, **kwargs)
        return buffer.getvalue()

    def opencv_jpeg(img, sampling):
        ok, data = cv2.imencode(".jpg", img[..., ::-1], [
            cv2.IMWRITE_JPEG_QUALITY, 85, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])
        assert ok
        return data.tobytes()

    for name, size, kwargs in [
        ("jpeg-420", (40, 30), {"subsampling": 2}),
        ("jpeg-420-odd", (37, 27), {"subsampling": 2}),
        ("jpeg-420-narrow", (4, 9), {"subsampling": 2}),
        ("jpeg-420-five", (5, 5), {"subsampling": 2}),
        ("jpeg-422", (40, 30), {"subsampling": 1}),
        ("jpeg-422-odd", (37, 27), {"subsampling": 1}),
        ("jpeg-444", (40, 30), {"subsampling": 0}),
        ("jpeg-progressive", (37, 27), {"subsampling": 2, "progressive": True}),
    ]:
        data = pillow(lesion(*size), "JPEG", quality=85, **kwargs)
        case(name, data, pillow_rgb(data), "pillow")
    for name, sampling in [("jpeg-440", cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440),
                           ("jpeg-411", cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411)]:
        data = opencv_jpeg(lesion(37, 27), sampling)
        case(name, data, pillow_rgb(data), "pillow")
    data = pillow(Image.fromarray(lesion(33, 21)).convert("L"), "JPEG", quality=85)
    case("jpeg-grey", data, pillow_rgb(data), "pillow")
    data = pillow(Image.fromarray(lesion(33, 21)).convert("CMYK"), "JPEG", quality=85)
    case("jpeg-cmyk", data, pillow_rgb(data), "pillow")
    # A long way from photos: noise, coarse steps, values cut off at 0 and 255.
    for name, quality, kwargs in [
        ("jpeg-noise-1", 1, {"subsampling": 2}),
        ("jpeg-noise-10", 10, {"subsampling": 1}),
        ("jpeg-noise-50", 50, {"subsampling": 0, "restart_marker_blocks": 1}),
        ("jpeg-noise-100", 100, {"subsampling": 2, "restart_marker_rows": 1}),
        ("jpeg-noise-progressive", 98, {"subsampling": 2, "progressive": True}),
        ("jpeg-noise-progressive-restart", 30, {"subsampling": 1, "progressive": True, "restart_marker_blocks": 4}),
        ("jpeg-noise-rgb", 75, {"keep_rgb": True, "subsampling": 0}),
    ]:
        data = pillow(pattern(35, 19), "JPEG", quality=quality, **kwargs)
        case(name, data, pillow_rgb(data), "pillow")
    # One scan for each component, with factors that no option of Pillow gives.
    for name, components, kwargs in [
        ("jpeg-scans-420", [(1, 2, 2), (2, 1, 1), (3, 1, 1)], {}),
        ("jpeg-scans-restart", [(1, 2, 1), (2, 1, 1), (3, 1, 1)], {"restart_marker_blocks": 2}),
        ("jpeg-scans-progressive", [(1, 2, 2), (2, 1, 1), (3, 1, 1)], {"progressive": True}),
        ("jpeg-scans-mixed", [(1, 2, 2), (2, 1, 2), (3, 2, 1)], {}),
        ("jpeg-scans-luma-small", [(1, 1, 1), (2, 2, 2), (3, 1, 4)], {}),
        ("jpeg-scans-410", [(1, 4, 2), (2, 1, 1), (3, 1, 1)], {"progressive": True}),
        ("jpeg-scans-third", [(1, 3, 3), (2, 1, 1), (3, 3, 1)], {}),
        ("jpeg-scans-rgb", [(ord("R"), 1, 1), (ord("G"), 1, 1), (ord("B"), 2, 2)], {}),
    ]:
        data = splice((37, 27), components, quality=85, **kwargs)
        case(name, data, pillow_rgb(data), "pillow")
    inks = [(1, 2, 2), (2, 1, 1), (3, 1, 1), (4, 2, 2)]
    for name, transform in [("jpeg-cmyk-420", 0), ("jpeg-ycck-420", 2)]:
        data = splice((37, 27), inks, ADOBE + bytes([transform]), quality=85)
        case(name, data, pillow_rgb(data), "pillow")
    data = pillow(pattern(1, 1), "JPEG", quality=95)
    case("jpeg-one-pixel", data, pillow_rgb(data), "pillow")
    data = pillow(lesion(30000, 2), "JPEG", quality=30)
    case("jpeg-30000-wide", data, pillow_rgb(data), "pillow", step=97)

    data = pillow(pattern(1, 1), "PNG")
    case("png-one-pixel", data, pillow_rgb(data), "pillow")
    data = pillow(pattern(21, 13), "PNG")
    case("png-rgb", data, pillow_rgb(data), "pillow")
    data = pillow(Image.fromarray(pattern(21, 13)).convert("L"), "PNG")
    case("png-grey", data, pillow_rgb(data), "pillow")
    data = pillow(Image.fromarray(lesion(21, 13)).quantize(16), "PNG")
    case("png-palette", data, pillow_rgb(data), "pillow")
    deep = pattern(21, 13).astype(np.uint16) * 256 + pattern(21, 13)[::-1]
    data = cv2.imencode(".png", deep)[1].tobytes()
    case("png-16-rgb", data, opencv_rgb(data), "opencv")
    data = cv2.imencode(".png", deep[..., 0])[1].tobytes()
    case("png-16-grey", data, opencv_rgb(data), "opencv")
    rgba = np.dstack([pattern(21, 13), pattern(21, 13)[::-1, :, 0]])
    white = Image.new("RGBA", (21, 13), "white")
    white.alpha_composite(Image.fromarray(rgba, "RGBA"))
    case("png-alpha", pillow(Image.fromarray(rgba, "RGBA"), "PNG"), np.asarray(white.convert("RGB")), "pillow")

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x010F] = "maker"  # a tag before Orientation
        exif[0x0112] = orientation
        exif[0x0131] = "software"
        data = pillow(lesion(24, 16), "JPEG", quality=85, subsampling=0, exif=exif)
        want = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
        case(f"exif-{orientation}", data, want, "pillow")
    exif = Image.Exif()
    exif[0x0112] = 6
    data = pillow(pattern(12, 7), "PNG", exif=exif)
    case("exif-6-png", data, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))), "pillow")

    # The orientation as LONG. OpenCV overlooks it in big-endian order (findings/opencv-exif-long-orientation.sh).
    for order, magic in (("little", b"II*\0"), ("big", b"MM\0*")):
        number = lambda v, size: v.to_bytes(size, order)
        tiff = magic + number(8, 4) + number(1, 2) + number(0x0112, 2) + number(4, 2) + number(1, 4) + number(6, 4) + number(0, 4)
        data = pillow(lesion(24, 16), "JPEG", quality=85, subsampling=0, exif=b"Exif\0\0" + tiff)
        want = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
        case(f"exif-6-long-{order}", data, want, "pillow", opencv=order == "little")

    # Bytes where a marker should be, of which libjpeg warns.
    plain = pillow(lesion(37, 27), "JPEG", quality=85, subsampling=2)
    progressive = pillow(lesion(37, 27), "JPEG", quality=85, subsampling=2, progressive=True)
    restart = pillow(lesion(37, 27), "JPEG", quality=85, subsampling=2, restart_marker_blocks=2)
    sos, second = plain.index(b"\xff\xda"), restart.index(b"\xff\xd1")
    for name, data in [
        ("jpeg-stray-end", plain[:-2] + b"\x01\x02\xff\x00\x03" + plain[-2:]),
        ("jpeg-stray-progressive", progressive[:-2] + bytes(9) + progressive[-2:]),
        ("jpeg-stray-segments", plain[:sos] + b"\x07\xff\x00\x08" + plain[sos:]),
        ("jpeg-stray-restart", restart[:second] + bytes(3) + restart[second:]),
    ]:
        case(name, data, pillow_rgb(data), "pillow")
    return cases


def preprocess_cases():
    """preprocess_input on RGB input and, as the authors ran it, on BGR input."""
    modules = {
        "tf": keras.applications.mobilenet,
        "caffe": keras.applications.resnet,
        "torch": keras.applications.densenet,
        "none": keras.applications.mobilenet_v3,
    }
    rgb = np.array([[0, 128, 255], [255, 0, 64], [17, 200, 3], [103, 116, 123]], dtype=np.uint8)
    cases = []
    for mode, module in modules.items():
        for order, pixels in (("rgb", rgb), ("bgr", rgb[:, ::-1])):
            result = module.preprocess_input(pixels.astype(np.float32).reshape(1, 2, 2, 3))
            cases.append({
                "mode": mode, "order": order, "rgb": rgb.flatten().tolist(),
                "want": [float(v) for v in np.asarray(result, dtype=np.float32).flatten()],
            })
    return cases


def main():
    os.makedirs(OUT, exist_ok=True)
    golden = {
        "made_with": {
            "keras": keras.__version__, "tensorflow": tf.__version__, "pillow": PIL.__version__,
            "opencv": cv2.__version__, "numpy": np.__version__,
        },
        "resize": resize_cases(),
        "decode": decode_cases(),
        "preprocess": preprocess_cases(),
    }
    write("golden.json", (json.dumps(golden, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
