"""The layers and weights of each Keras network with top, in Keras's order, as a digest."""
import hashlib
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tensorflow import keras

import golden

NETWORKS = ["InceptionResNetV2", "NASNetLarge", "NASNetMobile", "MobileNetV2"]


def name(network):
    """Our word for a network: MobileNetV2 is mobilenet_v2."""
    return {"InceptionResNetV2": "inception_resnet_v2", "NASNetLarge": "nasnet_large", "NASNetMobile": "nasnet_mobile",
            "MobileNetV2": "mobilenet_v2"}[network]


def lines(model):
    """One line a layer: its name, its output's shape, and each weight's name and shape."""
    for layer in model.layers:
        shape = layer.output_shape[0] if isinstance(layer.output_shape, list) else layer.output_shape
        weights = [f"{v.name.rsplit('/', 1)[-1].split(':')[0]} {list(v.shape)}" for v in layer.weights]
        yield "; ".join([layer.name + " " + str(list(shape[1:]))] + weights).replace(",", "")


def main():
    content = {"made_by": "tools/golden/make_layers.py", "versions": golden.versions(), "networks": {}}
    for network in NETWORKS:
        keras.backend.clear_session()
        model = getattr(keras.applications, network)(weights=None)
        text = list(lines(model))
        if os.environ.get("LINES"):
            print("\n".join(text))
        trainable = sum(int(keras.backend.count_params(w)) for w in model.trainable_weights)
        content["networks"][name(network)] = {
            "layers": len(text), "total": model.count_params(), "trainable": trainable,
            "sha256": hashlib.sha256("\n".join(text).encode()).hexdigest()}
    golden.write("pkg/skinattn/backbone/testdata/keras_layers.json", content)


if __name__ == "__main__":
    main()
