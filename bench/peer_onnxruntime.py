"""The authors' networks in ONNX Runtime: predictions alone."""
import onnxruntime

import peer_engine

NAME, VERSION = "ONNX Runtime", onnxruntime.__version__


class Peer(peer_engine.Peer):
    def open(self, path, inputs, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        taken = [i.name for i in session.get_inputs()]
        return lambda values: session.run(None, {name: values[name] for name in taken})[0]
