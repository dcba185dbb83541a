"""From a request to a finished video: arithmetic, media, engines, jobs. It knows no page."""
