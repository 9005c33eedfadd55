"""The authors' MobileNetV2 network with Soft-Attention and metadata, in Keras 2.15."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers as kl

CUT = -28  # the layer of the full network, with top, after which the authors cut: block_14_depthwise
HEADS = 16
SEXES = ["female", "male", "unknown"]
SITES = ["abdomen", "acral", "back", "chest", "ear", "face", "foot", "genital", "hand", "lower extremity",
         "neck", "scalp", "trunk", "unknown", "upper extremity"]
CLASSES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
CLASS_WEIGHTS = [4.37, 2.78, 1.3, 12.44, 1.28, 0.21, 10.0]


class SoftAttention(kl.Layer):
    """Returns the map-weighted features and the 16 maps, shape (N, 16, H, W).

    The authors run one 3-D convolution over (rows, columns, channels) with a kernel of C x 3 x 3 and stride C
    along the channels. By the documented SAME rule it meets channels 0, 1 and 2 only. TensorFlow's CPU kernel reads
    other channels, so the input is sliced here to make the documented rule explicit.
    """

    def build(self, shape):
        c = int(shape[-1])
        self.kernel = self.add_weight(name="kernel_conv3d", shape=(c, 3, 3, 1, HEADS), initializer="he_uniform")
        self.bias = self.add_weight(name="bias_conv3d", shape=(HEADS,), initializer="zeros")

    def call(self, x):
        n, (h, w) = tf.shape(x)[0], x.shape[1:3]
        scores = tf.nn.conv3d(x[..., :3, None], self.kernel, strides=(1, 1, 1, 3, 1), padding="SAME")
        scores = tf.nn.relu(scores + self.bias)  # (N, H, W, 1, heads)
        scores = tf.transpose(scores[:, :, :, 0], (0, 3, 1, 2))
        maps = tf.reshape(tf.nn.softmax(tf.reshape(scores, (n, HEADS, h * w))), (n, HEADS, h, w))
        return x * tf.reduce_sum(maps, axis=1)[..., None], maps


def build(size=224, dropout=0.5, floatx="float32"):
    """Returns (network, probe, head): probe gives what comes before the head, for outputs()."""
    keras.backend.clear_session()
    keras.backend.set_floatx(floatx)
    backbone = keras.applications.MobileNetV2(input_shape=(size, size, 3), include_top=True, weights=None)
    features = backbone.layers[CUT].output
    attended, maps = SoftAttention(name="soft_attention")(features)
    pooled = [kl.MaxPooling2D(2, padding="same")(t) for t in (attended, features)]
    x = kl.Activation("relu")(kl.concatenate([pooled[1], pooled[0]]))
    x = kl.Flatten()(kl.Dropout(dropout)(x))

    age = keras.Input((1,), name="age")
    sex = keras.Input((1,), name="sex", dtype="string")
    site = keras.Input((1,), name="localization", dtype="string")

    def one_hot(text, vocabulary):
        index = kl.StringLookup(vocabulary=vocabulary)(text)
        return kl.CategoryEncoding(num_tokens=len(vocabulary) + 1)(index)

    metadata = kl.concatenate([kl.Normalization(axis=None)(age), one_hot(sex, SEXES), one_hot(site, SITES)])
    joined = kl.concatenate([x, kl.Dense(4096, activation="relu")(metadata)])
    head = kl.Dense(len(CLASSES), activation="softmax")
    probabilities = head(joined)
    inputs = [backbone.input, age, sex, site]
    return keras.Model(inputs, probabilities), keras.Model(inputs, [features, maps, metadata, joined, probabilities]), head


def outputs(probe, head, inputs, training=False):
    """Runs the network on float images of -1..1 and metadata; a dictionary of tensors."""
    features, maps, metadata, joined, probabilities = probe(inputs, training=training)
    return {"features": features, "attention": tf.reduce_sum(maps, axis=1), "maps": maps, "metadata": metadata,
            "logits": joined @ head.kernel + head.bias, "probabilities": probabilities}


def preprocess(images):
    """Keras's preprocess_input of mobilenet_v2, for float32 images of 0..255."""
    return keras.applications.mobilenet_v2.preprocess_input(images.copy())
