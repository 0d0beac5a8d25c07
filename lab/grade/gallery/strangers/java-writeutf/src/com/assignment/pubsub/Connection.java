package com.assignment.pubsub;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;

class Connection implements Runnable {
    private final ServerApp app;
    private final Socket socket;
    private final DataOutputStream out;

    Connection(ServerApp app, Socket socket) throws IOException {
        this.app = app;
        this.socket = socket;
        this.out = new DataOutputStream(socket.getOutputStream());
    }

    @Override
    public void run() {
        String topic = "";
        String name = socket.getRemoteSocketAddress().toString().substring(1);
        try (DataInputStream in = new DataInputStream(socket.getInputStream())) {
            String role = in.readUTF();
            topic = in.readUTF();
            System.out.println(name + " -> " + role + " of " + topic);
            if (role.equals("SUBSCRIBER")) {
                app.subscribersOf(topic).add(this);
            }
            while (true) {
                String text = in.readUTF();
                if (text.equals("terminate")) {
                    if ("terminate-stops-server".equals(System.getenv("FAULT")) && role.equals("PUBLISHER")) {
                        System.exit(0);
                    }
                    break;
                }
                System.out.println(topic + " <- " + name + ": " + text);
                if (role.equals("PUBLISHER")) {
                    for (Connection c : app.subscribersOf(topic)) {
                        c.tell(name + ": " + text);
                    }
                }
            }
        } catch (IOException e) {
            // the client has gone
        }
        app.subscribersOf(topic).remove(this);
        System.out.println(name + " left");
    }

    private synchronized void tell(String text) {
        try {
            out.writeUTF(text);
            out.flush();
        } catch (IOException e) {
            System.out.println("could not reach a subscriber");
        }
    }
}
