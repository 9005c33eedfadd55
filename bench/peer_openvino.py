"""The authors' networks in OpenVINO: predictions alone."""
import openvino

import peer_engine

NAME, VERSION = "OpenVINO", openvino.__version__.split("-")[0]


class Peer(peer_engine.Peer):
    def open(self, path, inputs, threads):
        core = openvino.Core()
        network = core.read_model(str(path))
        taken = [i.any_name for i in network.inputs]
        network.reshape({name: list(inputs[name].shape) for name in taken})  # known sizes let it choose its forms
        # One request with all cores; float32, as it would take bfloat16 by itself where a processor has it.
        compiled = core.compile_model(network, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        output = compiled.outputs[0]
        return lambda values: request.infer({name: values[name] for name in taken})[output]
