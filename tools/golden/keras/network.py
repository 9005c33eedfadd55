"""The authors' networks with Soft-Attention and metadata, in Keras 2.15."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import collections
import json
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import applications as ka
from tensorflow.keras import layers as kl

HEADS = 16
SEXES = ["female", "male", "unknown"]
SITES = ["abdomen", "acral", "back", "chest", "ear", "face", "foot", "genital", "hand", "lower extremity",
         "neck", "scalp", "trunk", "unknown", "upper extremity"]
CLASSES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
CLASS_WEIGHTS = [4.37, 2.78, 1.3, 12.44, 1.28, 0.21, 10.0]

# What is known of each network comes from the Go table; tools/backbones.json has it, and a test keeps it current.
TABLE = {row["name"]: row for row in json.loads((pathlib.Path(__file__).resolve().parents[2] / "backbones.json").read_text())}

# How the network is made; pixels; the index of the layer of the full network, with top, after which the authors cut; the mode
# of preprocess_input in the metadata regime; whether the authors' network has the metadata branch; the head.
Row = collections.namedtuple("Row", "make size cut preprocess metadata head")


def same_padded_conv(x, filters, window, stride=1, **options):
    return kl.Conv2D(filters, window, strides=stride, padding="same", **options)(x)


def vgg16(size, attend):
    """The authors' VGG16: no ImageNet weights, batch norms, 1x1 convolutions, the attention in the middle."""
    def group(x, filters, *windows):
        for w in windows:
            x = kl.BatchNormalization()(same_padded_conv(x, filters, w, activation="relu", kernel_initializer="he_normal"))
        return x

    inputs = x = keras.Input((size, size, 3))
    for filters, *windows in ((64, 3, 1), (128, 3, 1), (256, 3, 3, 1)):
        x = kl.MaxPooling2D(2, padding="same")(group(x, filters, *windows))
    features = group(x, 512, 3, 3, 1)
    x = group(attend(features), 512, 3, 3, 1)
    x = kl.Flatten()(kl.MaxPooling2D(4, padding="same")(x))
    x = kl.Dense(4096, activation="relu")(x)  # in a line of its own: Keras numbers layers as they are made
    return inputs, features, kl.Dense(4096, activation="relu")(x)


def resnet34(size, attend):
    """The authors' ResNet34: no ImageNet weights, max pooling for strides, the attention in the middle."""
    def conv(x, filters, stride=1):
        return kl.BatchNormalization()(same_padded_conv(x, filters, 3, stride))

    def block(x, filters, project):
        y = conv(kl.Activation("relu")(conv(x, filters)), filters)
        return kl.Activation("relu")(kl.add([y, conv(x, filters) if project else x]))

    inputs = keras.Input((size, size, 3))
    x = kl.MaxPooling2D(2, padding="same")(kl.Activation("relu")(conv(inputs, 64, 2)))
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


def row(name):
    known, made = TABLE[name], AUTHORS.get(name)
    return Row(made or getattr(ka, known["title"]), known["input"], None if made else known["cut_index"],
               known["preprocess"], not known["augmented_only"], known["heads"]["metadata"])


NETWORKS = {name: row(name) for name in TABLE}


class SoftAttention(kl.Layer):
    """Returns the map-weighted features and the 16 maps, shape (N, 16, H, W).

    The authors run one 3-D convolution over (rows, columns, channels) with a kernel of C x 3 x 3 and stride C
    along the channels. By the documented SAME rule it meets channels 0, 1 and 2 only. TensorFlow's CPU kernel reads
    those in the middle, so the input is sliced here to make the rule explicit: window "center" for theirs.
    gamma: the product is scaled by a learned number, as in the paper's formula.
    """

    def __init__(self, window="", gamma=False, **options):
        super().__init__(**options)
        self.window, self.scaled = window, gamma

    def get_config(self):
        return super().get_config() | {"window": self.window, "gamma": self.scaled}

    def build(self, shape):
        c = int(shape[-1])
        self.first = (c - 3) // 2 if self.window == "center" else 0
        self.kernel = self.add_weight(name="kernel_conv3d", shape=(c, 3, 3, 1, HEADS), initializer="he_uniform")
        self.bias = self.add_weight(name="bias_conv3d", shape=(HEADS,), initializer="zeros")
        if self.scaled:
            self.gamma = self.add_weight(name="gamma", shape=(), initializer=keras.initializers.Constant(0.01))

    def call(self, x):
        n, (h, w) = tf.shape(x)[0], x.shape[1:3]
        scores = tf.nn.conv3d(x[..., self.first:self.first + 3, None], self.kernel, strides=(1, 1, 1, 3, 1), padding="SAME")
        scores = tf.nn.relu(scores + self.bias)  # (N, H, W, 1, heads)
        scores = tf.transpose(scores[:, :, :, 0], (0, 3, 1, 2))
        maps = tf.reshape(tf.nn.softmax(tf.reshape(scores, (n, HEADS, h * w))), (n, HEADS, h, w))
        weight = tf.reduce_sum(maps, axis=1)[..., None]
        return x * (weight * self.gamma if self.scaled else weight), maps


Built = collections.namedtuple("Built", "net probe head features name size")


def build(name="mobilenet_v2", size=0, dropout=0.5, floatx="float32", cut=None, soft_attention=True, metadata=None, head=None,
          metadata_units=(4096,), metadata_batch_norm="", metadata_dropout=0.0, extended_dense=0, pools=0, attention_window="", gamma=False, fresh=True):
    """The network; probe gives what comes before the head, for outputs(). The options are the variants that the authors tried."""
    if fresh:
        keras.backend.clear_session()
    keras.backend.set_floatx(floatx)
    row = NETWORKS[name]
    size, head = size or row.size, head or row.head
    metadata = row.metadata if metadata is None else metadata
    maps = []

    def attend(x):
        for _ in range(pools):  # a notebook cell that was run again and again
            x = kl.MaxPooling2D(2, padding="same")(x)
        if soft_attention:
            attended, m = SoftAttention(attention_window, gamma, name="soft_attention" if fresh else None)(x)
            maps.append(m)
            pooled = [kl.MaxPooling2D(2, padding="same")(t) for t in (attended, x)]
            x = kl.concatenate([pooled[1], pooled[0]])
        elif row.cut is None:
            x = kl.MaxPooling2D(2, padding="same")(x)
        return kl.Dropout(dropout)(kl.Activation("relu")(x))

    if row.cut is None:
        image, features, x = row.make(size, attend)
    else:
        backbone = row.make(input_shape=(size, size, 3), include_top=True, weights=None)
        cut = row.cut if cut is None else cut
        image = backbone.input
        features = (backbone.layers[cut] if isinstance(cut, int) else backbone.get_layer(cut)).output
        x = features
        if len(x.shape) == 4:
            x = attend(x)
            x = kl.GlobalAveragePooling2D()(x) if head == "gap" else kl.Flatten()(x)

    inputs, encoded = [image], []
    if metadata:
        age = keras.Input((1,), name="age" if fresh else None)
        sex = keras.Input((1,), name="sex" if fresh else None, dtype="string")
        site = keras.Input((1,), name="localization" if fresh else None, dtype="string")
        inputs += [age, sex, site]

        def one_hot(text, vocabulary):
            index = kl.StringLookup(vocabulary=vocabulary)(text)
            return kl.CategoryEncoding(num_tokens=len(vocabulary) + 1)(index)

        m = kl.concatenate([kl.Normalization(axis=None)(age), one_hot(sex, SEXES), one_hot(site, SITES)])
        encoded.append(m)
        if metadata_batch_norm:
            m = kl.Activation("relu")(kl.BatchNormalization()(m))
        for units in metadata_units:
            m = kl.Dense(units, activation="relu")(m)
        if metadata_batch_norm == "both":
            m = kl.Activation("relu")(kl.BatchNormalization()(m))
        if metadata_dropout:
            m = kl.Dropout(metadata_dropout)(m)
        x = kl.concatenate([x, m])
    if extended_dense:
        x = kl.Dense(extended_dense, activation="relu")(x)
    last = kl.Dense(len(CLASSES), activation="softmax")
    probabilities = last(x)
    probe = keras.Model(inputs, {"features": features, "before": x, "probabilities": probabilities}
                        | ({"maps": maps[0]} if maps else {}) | ({"metadata": encoded[0]} if encoded else {}))
    return Built(keras.Model(inputs, probabilities), probe, last, features.node.layer.name, name, size)


def outputs(built, inputs, training=False):
    """Runs the network on preprocessed images and metadata; a dictionary of tensors."""
    out = built.probe(inputs, training=training)
    if "maps" in out:
        out["attention"] = tf.reduce_sum(out["maps"], axis=1)
    out["logits"] = out.pop("before") @ built.head.kernel + built.head.bias
    return out


def preprocess(name, images):
    """What the authors' metadata regime did to images of 0..255, float32 arrays or tensors."""
    mode = NETWORKS[name].preprocess
    if mode == "none":
        return images
    if isinstance(images, np.ndarray):
        images = images.copy()  # which Keras changes in place
    return ka.imagenet_utils.preprocess_input(images, mode=mode)
