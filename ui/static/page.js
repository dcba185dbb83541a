// The browser's part of the page: one module for each thing that it does.

import "./head.js";
import "./views.js";
import "./acts.js";
import "./written.js";
import "./copy.js";
import "./pulse.js";
import "./giving.js";
import "./camera.js";
import "./recorder.js";
import "./player.js";
import "./player_keys.js";
import "./pair.js";
import "./voice_line.js";
import "./framing.js";
import "./framing_sliders.js";
import "./trim.js";
import "./edges.js";
import "./splitting.js";
import "./typing.js";
import "./editors.js";
import "./sounds.js";
import "./times.js";
import "./clocks.js";
import "./history.js";
import "./files.js";
import "./telling.js";
import "./closing.js";
// after all others that move the focus
import "./focus.js";
// last, as it does what was asked for before the others were here
import "./shell.js";
