#include <iostream>
#include <list>
#include <mutex>
#include <thread>
#include "netz.hpp"
using namespace std;
struct Abonnent { int fd; string thema; };
list<Abonnent> abonnenten;
mutex sperre;
void bediene(int fd) {
    string puffer, art, thema, zeile;
    if (empfange(fd, puffer, art) && empfange(fd, puffer, thema)) {
        cout << "Neuer Teilnehmer: " << art << " / " << thema << endl;
        if (art == "ABONNENT") { lock_guard<mutex> g(sperre); abonnenten.push_back({fd, thema}); }
        while (empfange(fd, puffer, zeile)) {
            if (zeile == "terminate") break;
            if (art != "VERLEGER") continue;
            cout << thema << ": " << zeile << endl;
            lock_guard<mutex> g(sperre);
            for (auto &a : abonnenten) if (a.thema == thema) sende(a.fd, "Nachricht: " + zeile);
        }
    }
    { lock_guard<mutex> g(sperre); abonnenten.remove_if([&](const Abonnent &a) { return a.fd == fd; }); }
    close(fd);
    cout << "Teilnehmer getrennt" << endl;
}
int main() {
    int s = socket(AF_INET, SOCK_STREAM, 0), eins = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &eins, sizeof eins);
    sockaddr_in a{};
    a.sin_family = AF_INET; a.sin_port = htons(ANSCHLUSS); a.sin_addr.s_addr = INADDR_ANY;
    if (bind(s, (sockaddr *)&a, sizeof a) < 0) { perror("bind"); return 1; }
    listen(s, 50);
    cout << "Vermittler wartet auf Anschluss " << ANSCHLUSS << endl;
    for (;;) { int c = accept(s, nullptr, nullptr); if (c >= 0) thread(bediene, c).detach(); }
}
