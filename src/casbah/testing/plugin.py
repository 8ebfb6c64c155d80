"""The pytest plugin: the fixture `casbah_server`."""
