// Calls the sketch, and sleeps when it has nothing to do.
#include "Arduino.h"
#include "activity.h"
#include "clock.h"
#include "emulated.h"
#include "registers.h"

namespace {

// A turn of loop() that moved no byte and took less than this was idle: most likely it asked the
// serial port for data and there was none. Sleeping until an interrupt, or for one tick, keeps a
// host's processor free; a board would simply spin.
constexpr std::uint64_t kIdleInstructions = 2000;
constexpr std::uint32_t kTickNanoseconds = 5000000;

bool active = false;

}  // namespace

namespace emulated {

void note_activity() {
    active = true;
}

}  // namespace emulated

void yield(void) {
    // A byte that comes after the test stays pending behind the lock, and ends the sleep.
    const emulated::InterruptLock lock;
    if (Serial.available() == 0) {
        emulated_sleep(kTickNanoseconds);
    }
}

int main() {
    emulated::start_clock();
    setup();
    for (;;) {
        active = false;
        const std::uint64_t start = emulated_instructions();
        loop();
        if (!active && emulated_instructions() - start < kIdleInstructions) {
            yield();
        }
    }
}
