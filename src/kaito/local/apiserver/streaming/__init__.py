"""The streaming subresources of pods: log, exec, attach, portforward.

Wire protocols on one side, `port.PodStreams` (implemented by the node agent) on the other.

Wiring, for whoever owns the request router of the API server:

    from kaito.local.apiserver.streaming.routes import StreamingRoutes

    routes = StreamingRoutes(streams, clock=clock)      # streams: PodStreams
    # after authentication, and after a 404 for an unknown pod, for GET and POST alike:
    response = await routes.serve(request, Key(namespace, name), subresource)

`subresource` is one of `routes.SUBRESOURCES`: "log", "exec", "attach", "portforward". `serve` reads
the query string itself and never the body, answers every refusal as a `metav1.Status`, and returns
when the stream has ended (return what it returns from the aiohttp handler). No middleware may wrap,
compress, time out or `prepare` these responses. Two things need the application's help:

- run the server with `handler_cancellation=False` (aiohttp's default);
- on shutdown call `await routes.stop()` (for example in `app.on_shutdown`): it ends every open
  stream at once; otherwise aiohttp waits its whole shutdown timeout for `logs -f`.

kubectl also needs `GET pods/{name}` and, in discovery, `pods/log`, `pods/exec`, `pods/attach` and
`pods/portforward` (verbs get, create).
"""
