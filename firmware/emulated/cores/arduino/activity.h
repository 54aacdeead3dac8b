// Internal to the core: whether a call of loop() had work.
#pragma once

namespace emulated {

// Notes that a byte was moved, so that loop() is called again at once.
void note_activity();

}  // namespace emulated
