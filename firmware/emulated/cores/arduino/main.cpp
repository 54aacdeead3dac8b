// Calls the sketch, and sleeps while it has nothing to do.
#include "Arduino.h"
#include "activity.h"
#include "emulated.h"
#include "interrupts.h"
#include "timers.h"

namespace {

// A call of loop() that moved no byte and took fewer instructions was idle. The board then sleeps
// until an interrupt, or for one tick, which keeps the host's processor free.
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
    // A byte that arrives after the test stays pending behind the lock, and ends the sleep.
    const emulated::InterruptLock lock;
    if (Serial.available() == 0) {
        emulated_sleep(kTickNanoseconds);
    }
}

int main() {
    emulated::start_timers();
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
