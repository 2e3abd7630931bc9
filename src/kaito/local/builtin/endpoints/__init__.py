"""Endpoints: which pods stand behind each Service, as EndpointSlices and in the older form."""
