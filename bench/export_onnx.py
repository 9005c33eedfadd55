"""Writes the authors' network as Keras 2.15 has it to an ONNX file, for the engines that people deploy with.

  export_onnx.py --network mobilenet_v2 --size 224 --out FILE.onnx

The weights are those of all contestants, or those of --weights, a file of 'skinattn weights export'. The file takes images in -1..1, [B size size 3], and metadata with the age in years, [B 21],
and gives probabilities [B 7]. Beside it, FILE.npz has the probabilities that Keras computes of generated batches' first photo, which
the engines must give.
"""
import argparse
import pathlib

import numpy as np
import tensorflow as tf
import tf2onnx
from tensorflow import keras

import common
import peer_keras
import peers

OPSET = 17


def exported(name, size, threads, weights=None):
    """The function to export, its signature, and the peer that has its network."""
    peer = peer_keras.Peer(name, size, common.generated_batch(size, 1), threads)
    peer.fill(peers.fill.fill_by_name)
    if weights:
        peer.net.load_weights(weights)
    image = tf.TensorSpec((None, size, size, 3), tf.float32, name="images")
    if len(peer.net.inputs) == 1:
        def images_alone(images):
            return tf.nn.softmax(peer.net(images, training=False))
        return images_alone, [image], peer
    # The network behind the encoding of the words: its one-hot vectors are the metadata themselves.
    encoded = next(layer.output for layer in peer.net.layers
                   if isinstance(layer, keras.layers.Concatenate) and layer.output.shape[-1] == common.METADATA)
    behind = keras.Model([peer.net.inputs[0], encoded], peer.net.output)
    normalization = next(layer for layer in peer.net.layers if isinstance(layer, keras.layers.Normalization))
    # The layer itself would be exported with its mean and its deviation as inputs of the network.
    mean, deviation = float(np.squeeze(normalization.mean)), float(np.sqrt(np.squeeze(normalization.variance)))

    def with_metadata(images, metadata):
        age = (metadata[:, :1] - mean) / deviation
        return tf.nn.softmax(behind([images, tf.concat([age, metadata[:, 1:]], 1)], training=False))
    return with_metadata, [image, tf.TensorSpec((None, common.METADATA), tf.float32, name="metadata")], peer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=common.NETWORKS, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    compute, signature, peer = exported(args.network, args.size, args.threads, args.weights)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    part = args.out.with_suffix(".part")
    tf2onnx.convert.from_function(tf.function(compute), signature, opset=OPSET, output_path=str(part))
    np.savez(args.out.with_suffix(".npz"), probabilities=peer.infer_step(), parameters=peer.parameters())
    part.rename(args.out)


if __name__ == "__main__":
    main()
