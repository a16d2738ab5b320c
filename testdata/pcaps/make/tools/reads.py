"""Reads pages in one session of TLS, as a person does: reads.py HOST PORT PAGES PATH..."""
import http.client, random, ssl, sys, time

host, port, pages, *paths = sys.argv[1:]
web = http.client.HTTPSConnection(host, int(port), context=ssl._create_unverified_context())
for page in range(int(pages)):
    web.request("GET", f"/{random.choice(paths)}?{'q' * random.randrange(1, 400)}")
    web.getresponse().read()
    time.sleep(random.lognormvariate(0, 0.7))
