"""A slow wire between two interfaces, for kernels without netem: every frame that one of them hears comes out
of the other one later, or not at all.

    wire.py INTERFACE INTERFACE DELAY_MS JITTER_MS LOSS_PERCENT

Frames keep their order. They travel with their virtio header: what the kernel has not split into packets yet,
and has not summed up yet, stays so."""
import collections
import random
import select
import socket
import sys
import time

SOL_PACKET = 263
PACKET_VNET_HDR = 15
ETH_P_ALL = 3
FRAME_MOST = 10 + 70000
QUEUE_MOST = 4000  # frames; a wire drops what is more


class Way:
    """One direction: frames on their way, and when each is there."""

    def __init__(self, source, target, delay, jitter, loss):
        self.source, self.target = source, target
        self.delay, self.jitter, self.loss = delay, jitter, loss
        self.frames = collections.deque()
        self.last = 0

    def take(self, now):
        try:
            frame, address = self.source.recvfrom(FRAME_MOST)
        except OSError:
            return
        outgoing = address[2] == socket.PACKET_OUTGOING
        if outgoing or random.random() < self.loss or len(self.frames) >= QUEUE_MOST:
            return
        self.last = max(self.last, now + self.delay + random.random() * self.jitter)
        self.frames.append((self.last, frame))

    def give(self, now):
        while self.frames and self.frames[0][0] <= now:
            try:
                self.target.send(self.frames.popleft()[1])
            except OSError:
                pass  # the interface is down: lost


def listen(name):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    end.bind((name, ETH_P_ALL))
    end.setblocking(False)
    return end


def main():
    one, other = listen(sys.argv[1]), listen(sys.argv[2])
    delay, jitter, loss = (float(word) for word in sys.argv[3:6])
    how = (delay / 1000, jitter / 1000, loss / 100)
    ways = {one: Way(one, other, *how), other: Way(other, one, *how)}
    print("ready", flush=True)
    while True:
        due = [way.frames[0][0] for way in ways.values() if way.frames]
        wait = max(0, min(due) - time.monotonic()) if due else None
        ready, _, _ = select.select(list(ways), [], [], wait)
        now = time.monotonic()
        for end in ready:
            ways[end].take(now)
        for way in ways.values():
            way.give(now)


main()
