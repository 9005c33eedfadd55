"""The layers and weights of each Keras network with top and of each network of the authors, in Keras's order, as digests."""
import hashlib
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tensorflow import keras

import golden
import network

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


def digest(lines):
    lines = list(lines)
    if os.environ.get("LINES"):
        print("\n".join(lines))
    return {"layers": len(lines), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


def authors(name, **options):
    """The whole network of the authors: one line a layer, its name and each weight's name and shape."""
    def weights(layer):
        for v in layer.weights:
            # The authors call adapt before they use the layer; its variables then carry no layer's name.
            name = v.name.rsplit("/", 1)[-1] if isinstance(layer, keras.layers.Normalization) else v.name
            yield f"{name} {list(v.shape)}"

    model = network.build(name, **options).net
    return digest("; ".join([layer.name, *weights(layer)]).replace(",", "") for layer in model.layers)


def main():
    content = {"made_by": "tools/golden/keras/make_layers.py", "versions": golden.versions(), "networks": {}}
    whole = {"made_by": "tools/golden/keras/make_layers.py", "versions": golden.versions(), "networks": {}}
    for name, keras_name in NETWORKS.items():
        keras.backend.clear_session()
        model = getattr(keras.applications, keras_name)(input_shape=SIZES.get(name, (224, 224, 3)), weights=None)
        trainable = sum(int(keras.backend.count_params(w)) for w in model.trainable_weights)
        content["networks"][name] = digest(lines(model)) | {"total": model.count_params(), "trainable": trainable}
    golden.write("pkg/skinattn/backbone/testdata/keras_layers.json", content)
    for name in network.NETWORKS:
        whole["networks"][name] = authors(name)
    whole["networks"]["resnet50 augmented"] = authors("resnet50", metadata=False, head="gap")
    whole["networks"]["mobilenet_v2 without attention"] = authors("mobilenet_v2", soft_attention=False)
    whole["networks"]["densenet201 both"] = authors("densenet201", metadata_batch_norm="both", metadata_dropout=.2, extended_dense=512)
    golden.write("pkg/skinattn/weights/testdata/keras_layers.json", whole)


if __name__ == "__main__":
    main()
