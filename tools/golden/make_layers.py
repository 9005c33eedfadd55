"""The layers and weights of each Keras network with top, in Keras's order, as a digest."""
import hashlib
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tensorflow import keras

import golden

NETWORKS = {  # our word and Keras's
    "densenet201": "DenseNet201", "inception_resnet_v2": "InceptionResNetV2", "resnet50": "ResNet50",
    "resnet152": "ResNet152", "nasnet_large": "NASNetLarge", "nasnet_mobile": "NASNetMobile", "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2", "mobilenet_v3_small": "MobileNetV3Small", "mobilenet_v3_large": "MobileNetV3Large"}
SIZES = {"inception_resnet_v2": (299, 299, 3), "nasnet_large": (331, 331, 3)}


def lines(model):
    """One line a layer: its name, its output's shape, and each weight's name and shape."""
    for layer in model.layers:
        shape = layer.output_shape[0] if isinstance(layer.output_shape, list) else layer.output_shape
        weights = [f"{v.name.rsplit('/', 1)[-1].split(':')[0]} {list(v.shape)}" for v in layer.weights]
        yield "; ".join([layer.name + " " + str(list(shape[1:]))] + weights).replace(",", "")


def main():
    content = {"made_by": "tools/golden/make_layers.py", "versions": golden.versions(), "networks": {}}
    for name, network in NETWORKS.items():
        keras.backend.clear_session()
        model = getattr(keras.applications, network)(input_shape=SIZES.get(name, (224, 224, 3)), weights=None)
        text = list(lines(model))
        if os.environ.get("LINES"):
            print("\n".join(text))
        trainable = sum(int(keras.backend.count_params(w)) for w in model.trainable_weights)
        content["networks"][name] = {
            "layers": len(text), "total": model.count_params(), "trainable": trainable,
            "sha256": hashlib.sha256("\n".join(text).encode()).hexdigest()}
    golden.write("pkg/skinattn/backbone/testdata/keras_layers.json", content)


if __name__ == "__main__":
    main()
