"""The browser view: a page on 127.0.0.1 that shows all boards, live."""
