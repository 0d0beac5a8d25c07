#include <iostream>
#include <thread>
#include "netz.hpp"
using namespace std;
int main(int argc, char **argv) {
    if (argc < 2) { cerr << "Aufruf: abonnent ADRESSE" << endl; return 1; }
    string thema, zeile;
    cout << "Thema: " << flush;
    getline(cin, thema);
    int fd = verbinde(argv[1]);
    if (fd < 0) { cerr << "Keine Verbindung" << endl; return 1; }
    sende(fd, "ABONNENT"); sende(fd, thema);
    thread([fd] {
        string puffer, z;
        while (empfange(fd, puffer, z)) cout << z << endl;
        cout << "Verbindung beendet" << endl;
        _exit(0);
    }).detach();
    while (getline(cin, zeile)) if (zeile == "terminate") break;
    close(fd);
    _exit(0);
}
