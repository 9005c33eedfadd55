"""The authors' networks in Keras 2.15, and their steps."""
import pathlib
import sys

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers as kl

from common import ADAM, CLASS_WEIGHTS, DROPOUT, HEADS

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "tools/golden/keras"))

import network  # noqa: E402

NAME, VERSION = "Keras", tf.__version__


class SoftAttention(kl.Layer):
    """Convolves only what meets the map: the authors' 3-D convolution over the padded channel axis does the same sums and more."""

    def __init__(self, window, gamma, **options):
        super().__init__(**options)
        if window or gamma:
            raise NotImplementedError("the default attention alone is measured")

    def build(self, shape):
        _, rows, _, channels = shape
        self.kernel = self.add_weight(name="kernel_conv3d", shape=(channels, 3, 3, 1, HEADS), initializer="he_uniform")
        self.bias = self.add_weight(name="bias_conv3d", shape=(HEADS,), initializer="zeros")
        self.rows, centre = rows, (channels - 1) // 2
        self.seen = slice(centre - rows + 1, centre + rows)

    def call(self, x):
        n, h, w = tf.shape(x)[0], x.shape[1], x.shape[2]
        pad = [[0, 0], [self.rows - 1, self.rows - 1], [1, 1], [0, 0]]
        scores = tf.nn.conv2d(x[..., :3], self.kernel[self.seen, :, :, 0, :], strides=1, padding=pad)
        scores = tf.transpose(tf.nn.relu(scores + self.bias), (0, 3, 1, 2))
        maps = tf.nn.softmax(tf.reshape(scores, (n, HEADS, h * w)))
        return x * tf.reshape(tf.reduce_sum(maps, axis=1), (n, h, w, 1)), tf.reshape(maps, (n, HEADS, h, w))


class Peer:
    """batch: images [B size size 3] in -1..1, metadata [B 21] with the age in years, labels [B]. exact makes no difference here."""

    def __init__(self, name, size, batch, threads, exact=False):
        if tf.config.threading.get_intra_op_parallelism_threads() == 0:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        network.SoftAttention = SoftAttention
        built = network.build(name, size, dropout=DROPOUT)
        built.head.activation = keras.activations.linear  # the softmax is in the loss and in infer_step
        self.net, self.size = built.net, built.size
        self.inputs = [tf.constant(batch.images)]
        if network.NETWORKS[name].metadata:
            self.inputs += [tf.constant(batch.metadata[:, :1]), words(network.SEXES, batch.metadata[:, 1:5]),
                            words(network.SITES, batch.metadata[:, 5:])]
        self.labels = tf.constant(batch.labels)
        self.adam = keras.optimizers.Adam(**ADAM)
        weights = tf.constant(CLASS_WEIGHTS, tf.float32)

        @tf.function
        def train(inputs, labels):
            with tf.GradientTape() as tape:
                logits = self.net(inputs, training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                loss = tf.reduce_mean(losses * tf.gather(weights, labels))
            variables = self.net.trainable_variables
            self.adam.apply_gradients(zip(tape.gradient(loss, variables), variables))
            return loss

        @tf.function
        def infer(inputs):
            return tf.nn.softmax(self.net(inputs, training=False))

        self.train, self.infer = train, infer

    def parameters(self):
        return self.net.count_params()

    def fill(self, value):
        """Sets every weight to value(layer/weight, shape)."""
        for layer in self.net.layers:
            values = [value(layer.name + "/" + v.name.rsplit("/", 1)[-1].split(":")[0], tuple(v.shape)) for v in layer.weights]
            if values:
                layer.set_weights(values)
            if hasattr(layer, "finalize_state"):  # Normalization keeps mean and variance in a second place
                layer.finalize_state()

    def train_step(self):
        return float(self.train(self.inputs, self.labels))

    def infer_step(self):
        return np.asarray(self.infer(self.inputs))


def words(vocabulary, one_hot):
    """The words of rows in which the first place is that of unknown words."""
    return tf.constant([[(["?"] + vocabulary)[i]] for i in one_hot.argmax(1)])
