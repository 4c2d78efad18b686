# Stands in for systemd: a datagram socket in the file system that prints each message it gets, as JSON, one a line.
import array
import json
import os
import socket
import sys

server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
print(json.dumps(["listening"]), flush=True)
while True:
    data, ancillary, _, _ = server.recvmsg(65536, socket.CMSG_SPACE(64))
    # systemd-notify hands over a descriptor and waits until it is closed.
    for _, _, packed in ancillary:
        descriptors = array.array("i")
        descriptors.frombytes(packed[: len(packed) - len(packed) % descriptors.itemsize])
        for descriptor in descriptors:
            os.close(descriptor)
    print(json.dumps(data.decode().split("\n")), flush=True)
