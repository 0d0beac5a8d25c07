#include <iostream>
#include "netz.hpp"
using namespace std;
int main(int argc, char **argv) {
    if (argc < 2) { cerr << "Aufruf: verleger ADRESSE" << endl; return 1; }
    string thema, zeile;
    cout << "Thema: " << flush;
    getline(cin, thema);
    int fd = verbinde(argv[1]);
    if (fd < 0) { cerr << "Keine Verbindung" << endl; return 1; }
    sende(fd, "VERLEGER"); sende(fd, thema);
    cout << "Nachrichten eingeben:" << endl;
    while (getline(cin, zeile)) { if (!sende(fd, zeile)) break; if (zeile == "terminate") break; }
    close(fd);
}
