#include <Arduino.h>
void setup() { Serial.begin(115200); pinMode(LED_BUILTIN, OUTPUT); Serial.println("hello"); }
void loop() { while (Serial.available()) Serial.write((uint8_t)Serial.read()); }
