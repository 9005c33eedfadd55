"""The authors' networks with Soft-Attention and metadata, in Keras 3 on any backend, as today's users build them."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "keras"))

import keras
import numpy as np
from keras import applications as ka
from keras import layers as kl

import fill

HEADS = 16
SEXES = ["female", "male", "unknown"]
SITES = ["abdomen", "acral", "back", "chest", "ear", "face", "foot", "genital", "hand", "lower extremity",
         "neck", "scalp", "trunk", "unknown", "upper extremity"]
CLASSES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]

# What is known of each network comes from the Go table.
TABLE = {row["name"]: row for row in json.loads((pathlib.Path(__file__).resolve().parents[2] / "backbones.json").read_text())}


@keras.saving.register_keras_serializable("authors")
class SoftAttention(kl.Layer):
    """The authors' layer with their literal convolution: which channels it sees depends on the backend.

    By the documented SAME rule a kernel of C x 3 x 3 with stride C along C channels sees the channels 0, 1, 2; so do JAX and
    torch. TensorFlow's CPU kernel sees the three in the middle.
    """

    def build(self, shape):
        c = int(shape[-1])
        self.kernel_conv3d = self.add_weight(name="kernel_conv3d", shape=(c, 3, 3, 1, HEADS), initializer="he_uniform")
        self.bias_conv3d = self.add_weight(name="bias_conv3d", shape=(HEADS,), initializer="zeros")

    def call(self, x):
        h, w, c = x.shape[1:]
        scores = keras.ops.conv(x[..., None], self.kernel_conv3d, strides=(1, 1, c), padding="same", data_format="channels_last")
        scores = keras.ops.relu(scores + self.bias_conv3d)[:, :, :, 0]  # (N, H, W, heads)
        maps = keras.ops.softmax(keras.ops.reshape(keras.ops.transpose(scores, (0, 3, 1, 2)), (-1, HEADS, h * w)), axis=-1)
        return x * keras.ops.reshape(keras.ops.sum(maps, axis=1), (-1, h, w, 1))

    def compute_output_shape(self, shape):
        return shape


def conv(x, filters, window, stride=1, **options):
    return kl.Conv2D(filters, window, strides=stride, padding="same", **options)(x)


def vgg16(size, attend):
    def group(x, filters, *windows):
        for w in windows:
            x = kl.BatchNormalization()(conv(x, filters, w, activation="relu"))
        return x

    inputs = x = keras.Input((size, size, 3))
    for filters, *windows in ((64, 3, 1), (128, 3, 1), (256, 3, 3, 1)):
        x = kl.MaxPooling2D(2, padding="same")(group(x, filters, *windows))
    features = group(x, 512, 3, 3, 1)
    x = kl.Flatten()(kl.MaxPooling2D(4, padding="same")(group(attend(features), 512, 3, 3, 1)))
    x = kl.Dense(4096, activation="relu")(x)  # in a line of its own: Keras numbers layers as they are made
    return inputs, features, kl.Dense(4096, activation="relu")(x)


def resnet34(size, attend):
    def normed(x, filters, stride=1):
        return kl.BatchNormalization()(conv(x, filters, 3, stride))

    def block(x, filters, project):
        y = normed(kl.Activation("relu")(normed(x, filters)), filters)
        return kl.Activation("relu")(kl.add([y, normed(x, filters) if project else x]))

    inputs = keras.Input((size, size, 3))
    x = kl.MaxPooling2D(2, padding="same")(kl.Activation("relu")(normed(inputs, 64, 2)))
    for _ in range(3):
        x = block(x, 64, False)
    x = kl.MaxPooling2D(2, padding="same")(x)
    for _ in range(4):
        x = block(x, 128, True)
    features, x = x, attend(x)
    for _ in range(6):
        x = block(x, 256, True)
    x = kl.MaxPooling2D(2, padding="same")(x)
    for _ in range(3):
        x = block(x, 512, True)
    return inputs, features, kl.GlobalAveragePooling2D()(x)


AUTHORS = {"vgg16": vgg16, "resnet34": resnet34}  # not in keras.applications
# The authors' index where it names another layer than in Keras 2: Keras 3's MobileNetV3 has fewer layers.
MOVED = {"mobilenet_v3_small": -28, "mobilenet_v3_large": -28}


def build(name, size=0, cut=None, metadata=None, head=None, fresh=True):
    """The network, its backbone with top (None for AUTHORS), the layer at the cut and the vector before the metadata."""
    if fresh:
        keras.backend.clear_session()
    row = TABLE[name]
    size, head = size or row["input"], head or row["heads"]["metadata"]
    metadata = not row["augmented_only"] if metadata is None else metadata

    def attend(x):
        attended = SoftAttention(name="soft_attention" if fresh else None)(x)
        pooled = [kl.MaxPooling2D(2, padding="same")(t) for t in (attended, x)]
        x = kl.concatenate([pooled[1], pooled[0]])
        return kl.Dropout(0.5)(kl.Activation("relu")(x))

    base = None
    if name in AUTHORS:
        image, features, x = AUTHORS[name](size, attend)
    else:
        base = getattr(ka, row["title"])(input_shape=(size, size, 3), include_top=True, weights=None)
        image, cut = base.input, MOVED.get(name, row["cut_index"]) if cut is None else cut
        features = (base.layers[cut] if isinstance(cut, int) else base.get_layer(cut)).output
        x = attend(features)
        x = kl.GlobalAveragePooling2D()(x) if head == "gap" else kl.Flatten()(x)
    vector, inputs = x, [image]
    if metadata:
        age, sex, site = (keras.Input((1,), name=n if fresh else None, dtype=d) for n, d in (
            ("age", "float32"), ("sex", "string"), ("localization", "string")))
        inputs += [age, sex, site]

        def one_hot(text, vocabulary):
            index = kl.StringLookup(vocabulary=vocabulary)(text)
            return kl.CategoryEncoding(num_tokens=len(vocabulary) + 1)(index)

        normalization = kl.Normalization(axis=None)
        normalization.adapt(np.array([[30.0], [70.0]]))
        m = kl.concatenate([normalization(age), one_hot(sex, SEXES), one_hot(site, SITES)])
        x = kl.concatenate([x, kl.Dense(4096, activation="relu")(m)])
    net = keras.Model(inputs if metadata else image, kl.Dense(len(CLASSES), activation="softmax")(x))
    return net, base, features._keras_history.operation.name, vector


def variables(layer):
    """(name, variable) of a layer's variables in the order of its files."""
    return [(v.name, v) for v in layer._trainable_variables + layer._non_trainable_variables]


def fill_net(net):
    """Fills every variable by the names of its layer and of itself."""
    for layer in net.layers:
        for name, v in variables(layer):
            if "seed" not in name:
                v.assign(fill.fill_by_name(layer.name + "/" + name, tuple(v.shape)))
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def encode(age, sex, site):
    """The metadata before normalisation: age, one-hot sex, one-hot localization, each with a first place for other words."""
    return np.concatenate([[age], np.eye(len(SEXES) + 1)[1 + SEXES.index(sex)], np.eye(len(SITES) + 1)[1 + SITES.index(site)]])
