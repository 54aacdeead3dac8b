// Echoes every byte, in blocks of up to 256.
#include <Arduino.h>

void setup() {
    Serial.begin(115200);
}

void loop() {
    uint8_t bytes[256];
    size_t got = 0;
    while (got < sizeof(bytes) && Serial.available() > 0) {
        bytes[got++] = static_cast<uint8_t>(Serial.read());
    }
    for (size_t sent = 0; sent < got;) {
        sent += Serial.write(bytes + sent, got - sent);
    }
}
