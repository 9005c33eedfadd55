"""Prints the bytes of a TensorBoard event file, for pkg/skinattn/tensorboard; or with a folder, what TensorBoard reads in it."""
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import masked_crc32c


def record(event):
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


if len(sys.argv) > 1:
    events = event_accumulator.EventAccumulator(sys.argv[1])
    events.Reload()
    for tag in sorted(events.Tags()["scalars"]):
        print(tag, [(e.step, round(e.value, 5)) for e in events.Scalars(tag)])
else:
    values = [summary_pb2.Summary.Value(tag="loss/val", simple_value=0.25),
              summary_pb2.Summary.Value(tag="accuracy/val", simple_value=0.875)]
    print((record(event_pb2.Event(wall_time=1700000000, file_version="brain.Event:2"))
           + record(event_pb2.Event(wall_time=1700000001.5, step=3, summary=summary_pb2.Summary(value=values)))).hex())
