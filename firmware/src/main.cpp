// The sketch: connects the board to the application, and prints its boot report as text until a
// host opens the link.
#include <Arduino.h>

#include "app.h"
#include "board.h"
#include "serial_stream.h"

namespace {

constexpr std::uint32_t kTextEveryUs = 2'000'000;

vigil::SerialStream port;
#if defined(ARDUINO_EMULATED) && !defined(VIGIL_GENERIC_BOARD)
auto& text = Serial;  // takes all at once, and drops it if the host does not read
void send_text(bool /*on*/) {}
#else
// The longest boot report without the two names: each number of ten digits, the longest status. A
// test counts it (tests/firmware/test_serial_stream.py).
constexpr std::size_t kReportBytes = 387;
vigil::SerialText<kReportBytes + sizeof vigil::model::kName + sizeof VIGIL_BOARD - 2> text;
void send_text(bool on) {
    if (on) {
        text.send(port);
    } else {
        text.clear();
    }
}
#endif

// Not every board has an LED.
void light([[maybe_unused]] bool on) {
#if defined(LED_BUILTIN)
    digitalWrite(LED_BUILTIN, on ? HIGH : LOW);
#endif
}

void reboot() {
    port.flush();  // GOODBYE_REPLY
    vigil::board::reboot();
}

const vigil::Hardware kHardware = {
    [] { return static_cast<std::uint32_t>(micros()); },
    light,
    reboot,
    vigil::kReceiveRing,
};

vigil::App app(port, kHardware);

std::uint32_t printed_us;

void print_pair(const char* name, std::uint32_t value, const char* unit) {
    text.print(name);
    text.print(static_cast<unsigned long>(value));
    text.print(unit);
}

void print_boot_report() {
    const vigil::link::BootReport r = app.boot_report();
    const vigil::engine::Facts engine = vigil::engine::facts();
    text.print("vigil: ");
    text.print(vigil::model::kName);
    text.print(" on ");
    text.print(vigil::board::name());
    text.print(", engine ");
    text.print(engine.name);
    text.print(": ");
    text.println(vigil::engine::describe(app.engine_status()));
    print_pair("  golden windows ", r.golden_passed, " of ");
    print_pair("", r.golden_total, " exact\r\n");
    print_pair("  inference ", r.ticks, " ");
    text.print(vigil::board::counter_unit());
    print_pair(", ", r.microseconds, " us\r\n");
    print_pair("  arena ", r.arena_used, " of ");
    print_pair("", r.arena_size, " bytes");
    if constexpr (vigil::board::kMeasuresStack) {
        print_pair(", stack ", r.stack_used, " of ");
        print_pair("", r.stack_size, " bytes");
    }
    text.print(", instruction cache ");
    text.println(vigil::board::describe(vigil::board::instruction_cache()));
    text.print("  sensor: ");
    text.print(vigil::board::sensor().name());
    text.println(vigil::board::sensor().present() ? " (t, Enter: scores as text)" : "");
    text.println("  waiting for a host: vigil monitor");
}

}  // namespace

void setup() {
    vigil::board::begin();
#if defined(LED_BUILTIN)
    pinMode(LED_BUILTIN, OUTPUT);
#endif
    Serial.begin(115200);  // USB ignores the rate; a board on battery never waits for a host
    app.begin();
    printed_us = static_cast<std::uint32_t>(micros()) - kTextEveryUs;
}

void loop() {
    vigil::board::poll_sensor();
    app.poll();
    send_text(!app.is_quiet());
    const std::uint32_t now = static_cast<std::uint32_t>(micros());
    if (!app.is_quiet() && now - printed_us >= kTextEveryUs && port.is_connected()) {
        printed_us = now;
        send_text(false);  // what the port has not taken of the report before
        print_boot_report();
    }
}
