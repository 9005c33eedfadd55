"""The authors' network in Keras 2.15, and its steps."""
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers as kl

from common import ADAM, CLASSES, CLASS_WEIGHTS, DROPOUT, HEADS, METADATA, METADATA_UNITS

CUT = -28  # the layer of the full network, with top, after which the authors cut: block_14_depthwise
NAME, VERSION = "Keras", tf.__version__


class SoftAttention(kl.Layer):
    """Convolves only what meets the map: the authors' 3-D convolution over the padded channel axis does the same sums and more."""

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
        return x * tf.reshape(tf.reduce_sum(maps, axis=1), (n, h, w, 1))


def build(size):
    keras.backend.clear_session()
    backbone = keras.applications.MobileNetV2(input_shape=(size, size, 3), include_top=True, weights=None)
    features = backbone.layers[CUT].output
    attended = SoftAttention(name="soft_attention")(features)
    pooled = [kl.MaxPooling2D(2, padding="same")(t) for t in (features, attended)]
    x = kl.Activation("relu")(kl.concatenate(pooled))
    x = kl.Flatten()(kl.Dropout(DROPOUT)(x))
    metadata = keras.Input((METADATA,), name="metadata")
    age = kl.Normalization(axis=None, name="normalization")(metadata[:, :1])
    encoded = kl.concatenate([age, metadata[:, 1:]])
    joined = kl.concatenate([x, kl.Dense(METADATA_UNITS, activation="relu", name="dense")(encoded)])
    logits = kl.Dense(CLASSES, name="dense_1")(joined)  # the softmax is in the loss and in infer_step
    return keras.Model([backbone.input, metadata], logits)


class Peer:
    """batch: images [B size size 3] in -1..1, metadata [B 21] with the age in years, labels [B]. exact makes no difference here."""

    def __init__(self, size, batch, threads, exact=False):
        if tf.config.threading.get_intra_op_parallelism_threads() == 0:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.net = build(size)
        self.images, self.metadata = tf.constant(batch.images), tf.constant(batch.metadata)
        self.labels = tf.constant(batch.labels)
        self.adam = keras.optimizers.Adam(**ADAM)
        weights = tf.constant(CLASS_WEIGHTS, tf.float32)

        @tf.function
        def train(images, metadata, labels):
            with tf.GradientTape() as tape:
                logits = self.net([images, metadata], training=True)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                loss = tf.reduce_mean(losses * tf.gather(weights, labels))
            variables = self.net.trainable_variables
            self.adam.apply_gradients(zip(tape.gradient(loss, variables), variables))
            return loss

        @tf.function
        def infer(images, metadata):
            return tf.nn.softmax(self.net([images, metadata], training=False))

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
        return float(self.train(self.images, self.metadata, self.labels))

    def infer_step(self):
        return np.asarray(self.infer(self.images, self.metadata))
