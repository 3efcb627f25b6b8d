// Number text through libdouble-conversion. Nothing else in the program is C++; no exceptions, no
// allocation, no static objects of our own.
#include "value/number.h"

#include <cstdint>
#include <cstring>
#include <double-conversion/double-conversion.h>

using double_conversion::DoubleToStringConverter;
using double_conversion::StringBuilder;
using double_conversion::StringToDoubleConverter;

static const double max_whole = 9007199254740992.0;

// Most numbers in documents are whole, and their digits need no search for the shortest ones.
static size_t whole_to_text(int64_t whole, char *out)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t left = whole < 0 ? -static_cast<uint64_t>(whole) : static_cast<uint64_t>(whole);
    do {
        digits[--at] = static_cast<char>('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (whole < 0) {
        digits[--at] = '-';
    }
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

size_t number_to_text(double number, char out[NUMBER_TEXT_MAX])
{
    if (number >= -max_whole && number <= max_whole) {
        int64_t whole = static_cast<int64_t>(number);
        if (static_cast<double>(whole) == number) {
            return whole_to_text(whole, out);
        }
    }
    StringBuilder builder(out, NUMBER_TEXT_MAX);
    DoubleToStringConverter::EcmaScriptConverter().ToShortest(number, &builder);
    return static_cast<size_t>(builder.position());
}

double number_from_text(const char *text, size_t len)
{
    StringToDoubleConverter converter(StringToDoubleConverter::NO_FLAGS, 0.0, 0.0, nullptr,
                                      nullptr);
    int used;
    return converter.StringToDouble(text, static_cast<int>(len), &used);
}
