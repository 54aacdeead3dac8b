#include <Arduino.h>
#include <board.h>
#include <emulated.h>
static uint8_t buf[1024];
void setup() { Serial.begin(115200); pinMode(LED_BUILTIN, OUTPUT); Serial.println(vigil::board::boot_id()); }
static uint32_t sink=0;
void loop() {
  int c = Serial.read();
  if (c < 0) return;
  if (c == 't') { // send 100000
    for (int i = 0; i < 100; ++i) Serial.write(buf, 1000);
  } else if (c == 'r') { // receive 100000
    uint32_t n=0; while (n < 100000) { int k = Serial.available(); if (!k) continue; while (k--) {sink += Serial.read(); ++n;} }
    Serial.println("done");
  } else Serial.write((uint8_t)c);
}
