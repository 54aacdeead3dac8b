// Inside of the core: whether a turn of loop() had anything to do.
#pragma once

namespace emulated {

// A byte moved; loop() will be called again at once.
void note_activity();

}  // namespace emulated
