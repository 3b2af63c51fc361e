# SPDX-License-Identifier: GPL-2.0-or-later
"""memcached_load.py SOCKET: sets and gets without end, of more than fits, from some threads."""
import random
import socket
import sys
import threading


def load(number):
    dice = random.Random(number)
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    answers = client.makefile("rb")
    while True:
        size = dice.choice((100, 1000, 8000, 60000))
        client.sendall(b"set k%d 0 0 %d\r\n%s\r\nget k%d\r\n" %
                       (dice.randrange(3000), size, b"x" * size, dice.randrange(3000)))
        answers.readline()
        line = answers.readline()
        if line.startswith(b"VALUE"):
            answers.read(int(line.split()[3]) + 2)
            answers.readline()


for i in range(8):
    threading.Thread(target=load, args=(i,)).start()
