#pragma once
// What the program says: one JSON object on a line of its own, for the script that started it.

#include <string>
#include <vector>

namespace bench {

class json_line {
  public:
    json_line & add(const std::string & key, const std::string & value);
    json_line & add(const std::string & key, const char * value) { return add(key, std::string(value)); }
    json_line & add(const std::string & key, bool value);
    json_line & add(const std::string & key, double value); // null where it is not finite
    json_line & add(const std::string & key, const std::vector<double> & values);

    /** Writes the line to stdout. */
    void print() const;

  private:
    json_line & put(const std::string & key, const std::string & json);

    std::string members_;
};

} // namespace bench
