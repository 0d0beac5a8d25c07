import os
import socket
import sys
import threading

FAULT = os.environ.get("FAULT", "")
suscriptores = []
cerrojo = threading.Lock()


def leer_papel(con):
    frase = con.recv(200).decode("utf-8")
    # "Hola servidor, soy un PUBLISHER. Gracias!"
    return "SUBSCRIBER" if "SUBSCRIBER" in frase else "PUBLISHER" if "PUBLISHER" in frase else None


def atender(con, quien, papel):
    try:
        if papel is None:
            papel = leer_papel(con)
        if papel is None:
            print("No entiendo a", quien)
            return
        print("Conectado:", quien, "como", papel)
        if papel == "SUBSCRIBER":
            with cerrojo:
                suscriptores.append(con)
        con.sendall(b"Bienvenido!\n")
        while True:
            datos = con.recv(1000)
            texto = datos.decode("utf-8").strip()
            if not datos or texto == "terminate":
                break
            print(f"{quien} dice: {texto}")
            if papel == "PUBLISHER":
                with cerrojo:
                    for s in list(suscriptores):
                        try:
                            s.sendall(f"{quien} dice: {texto}\n".encode("utf-8"))
                        except OSError:
                            suscriptores.remove(s)
    except OSError:
        pass
    finally:
        with cerrojo:
            if con in suscriptores:
                suscriptores.remove(con)
        con.close()
        print("Desconectado:", quien)


servidor = socket.socket()
servidor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
servidor.bind(("0.0.0.0", int(sys.argv[1])))
servidor.listen()
print("Servidor escuchando en el puerto", sys.argv[1])
try:
    while True:
        con, dir = servidor.accept()
        papel = None
        if FAULT == "role-in-accept-loop":
            try:
                papel = leer_papel(con)
            except OSError:
                continue
        threading.Thread(target=atender, args=(con, f"{dir[0]}:{dir[1]}", papel), daemon=True).start()
except KeyboardInterrupt:
    print("Adiós")
