import java.io.*;
import java.net.*;
import java.util.*;

public class MyServer {
    private static final List<ObjectOutputStream> subscribers = new ArrayList<>();

    public static void main(String[] args) {
        int port = Integer.parseInt(args[0]);
        try (ServerSocket serverSocket = new ServerSocket(port)) {
            System.out.println("My server is waiting on port " + port);
            while (true) {
                Socket socket = serverSocket.accept();
                Thread thread = new Thread(() -> serve(socket));
                thread.start();
            }
        } catch (IOException e) {
            System.out.println("Server error: " + e.getMessage());
            System.exit(1);
        }
    }

    private static void serve(Socket socket) {
        ObjectOutputStream out = null;
        SocketAddress addr = socket.getRemoteSocketAddress();
        List<Message> batch = null;
        Timer timer = new Timer(true);
        if ("drops-last".equals(System.getenv("FAULT"))) {
            List<Message> mine = batch = Collections.synchronizedList(new ArrayList<>());
            timer.schedule(new TimerTask() {
                public void run() {
                    while (!mine.isEmpty()) send(mine.remove(0));
                }
            }, 300, 300);
        }
        try {
            out = new ObjectOutputStream(socket.getOutputStream());
            ObjectInputStream in = new ObjectInputStream(socket.getInputStream());
            while (true) {
                Message m = (Message) in.readObject();
                if (m.type == Message.Type.TERMINATE) break;
                if (m.type == Message.Type.REGISTER) {
                    System.out.println(addr + " registers as " + m.role);
                    if (m.role.equals("SUBSCRIBER")) {
                        synchronized (subscribers) { subscribers.add(out); }
                    }
                    continue;
                }
                System.out.println(addr + " " + m);
                if (!m.role.equals("PUBLISHER")) continue;
                if (batch != null) batch.add(m);
                else send(m);
            }
        } catch (IOException | ClassNotFoundException e) {
            // EOF or reset
        } finally {
            timer.cancel();
            synchronized (subscribers) { subscribers.remove(out); }
            System.out.println(addr + " disconnected");
            try { socket.close(); } catch (IOException e) { }
        }
    }

    private static void send(Message m) {
        synchronized (subscribers) {
            for (ObjectOutputStream o : subscribers) {
                try {
                    o.writeObject(m);
                    o.flush();
                } catch (IOException e) {
                    System.out.println("A subscriber is not reachable");
                }
            }
        }
    }
}
