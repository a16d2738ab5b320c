"""Works off a list of jobs in a redis that speaks TLS: takes the next one as it comes, and pushes what came of it.

jobs.py ADDRESS CERTIFICATE
"""
import random, sys

import redis

address, certificate = sys.argv[1:]
jobs = redis.Redis(address, 6380, ssl=True, ssl_ca_certs=certificate)
while True:
    _, job = jobs.blpop("jobs")
    lines = (f"{job.decode()}: line {n}" for n in range(random.randrange(1, 80)))
    jobs.lpush("results", "\n".join(lines))
