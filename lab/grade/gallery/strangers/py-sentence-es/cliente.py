import socket
import sys
import threading

if len(sys.argv) < 4:
    print("Uso: python3 cliente.py <servidor> <puerto> <PUBLISHER o SUBSCRIBER>")
    sys.exit(2)

con = socket.create_connection((sys.argv[1], int(sys.argv[2])))
papel = sys.argv[3].upper()
con.sendall(f"Hola servidor, soy un {papel}. Gracias!".encode("utf-8"))


def escuchar():
    try:
        while True:
            datos = con.recv(1000)
            if not datos:
                break
            print(datos.decode("utf-8"), end="", flush=True)
    except OSError:
        pass


threading.Thread(target=escuchar, daemon=True).start()
print("¡Listo! Escribe tus mensajes (terminate para salir):")
try:
    for linea in sys.stdin:
        con.sendall(linea.strip().encode("utf-8") or b" ")
        if linea.strip() == "terminate":
            break
except KeyboardInterrupt:
    print("\nAdiós")
con.close()
